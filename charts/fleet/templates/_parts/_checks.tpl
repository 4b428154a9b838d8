{{/* What would make this install fail later? All of it is said at once, before anything is created. */}}

{{- define "fleet.problems" -}}
{{- $root := . -}}
{{- $problems := list -}}

{{- /* Where the tasks live */ -}}
{{- if and (not .Values.redis.enabled) (not .Values.broker.url) (not .Values.broker.existingSecret.name) }}
{{- $problems = append $problems "broker: no Redis is named. Set broker.existingSecret.name to a Secret whose key `url` holds redis://..., or set redis.enabled=true for the bundled one" }}
{{- end }}
{{- if and .Values.redis.enabled (or .Values.broker.url .Values.broker.existingSecret.name) }}
{{- $problems = append $problems "redis.enabled=true and an external broker are both set: set redis.enabled=false, or clear broker.url and broker.existingSecret.name" }}
{{- end }}
{{- if and .Values.redis.enabled (not .Values.redis.auth.existingSecret.name) (not .Values.generateSecrets) }}
{{- $problems = append $problems "redis.auth.existingSecret.name: name a Secret with the keys fleet, replica, probe, producer and one per program (generateSecrets is off)" }}
{{- end }}
{{- if and .Values.broker.programs (not .Values.broker.existingSecret.name) }}
{{- $problems = append $problems "broker.programs: logins of their own are keys of a Secret; name it in broker.existingSecret.name" }}
{{- end }}
{{- if and .Values.redis.enabled (gt (int .Values.redis.replicas) 0) (not .Values.redis.persistence.enabled) }}
{{- $problems = append $problems "redis.replicas needs redis.persistence.enabled=true: a primary that restarts empty would empty its replicas too" }}
{{- end }}
{{- if and .Values.flower.enabled (not .Values.flower.basicAuth.existingSecret.name) (not .Values.generateSecrets) }}
{{- $problems = append $problems "flower.basicAuth.existingSecret.name: name a Secret whose key `basic-auth` holds user:password (generateSecrets is off)" }}
{{- end }}
{{- if and .Values.vault.enabled (not .Values.vault.url) }}
{{- $problems = append $problems "vault.url: vault.enabled=true needs the address of Vault or OpenBao" }}
{{- end }}
{{- if and .Values.maintenance.persistence.enabled (gt (int .Values.maintenance.replicas) 1) (not .Values.maintenance.persistence.existingClaim) }}
{{- $problems = append $problems "maintenance.replicas: more than one needs maintenance.persistence.enabled=false (and ledger.existingSecret for the ledger), the volume is read-write-once" }}
{{- end }}

{{- /* Cells */ -}}
{{- if .Values.cells }}
{{- if not (hasKey .Values.cells .Values.cell) }}
{{- $problems = append $problems (printf "cells: this release is cell %q, which is not among %s; add it, or set cell" .Values.cell (keys .Values.cells | sortAlpha | join ", ")) }}
{{- end }}
{{- range $name, $cell := .Values.cells }}
{{- if and (ne $name $root.Values.cell) (not ($cell).secret) }}
{{- $problems = append $problems (printf "cells.%s.secret: name a Secret whose key `url` holds redis://... of that cell" $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Pools */ -}}
{{- $queues := dict -}}
{{- $names := dict -}}
{{- range $name, $pool := .Values.pools }}
{{- if ne (toString $pool.enabled) "false" }}
{{- $queue := $pool.queue | default (printf "fleet.%s" $name) }}
{{- if hasKey $queues $queue }}
{{- $problems = append $problems (printf "pools.%s.queue: queue %q already belongs to pool %q; every pool (and every version of one) needs its own queue" $name $queue (get $queues $queue)) }}
{{- end }}
{{- $_ := set $queues $queue $name }}
{{- $object := include "fleet.pool.name" (dict "root" $root "name" $name "pool" $pool) }}
{{- if hasKey $names $object }}
{{- $problems = append $problems (printf "pools.%s: its objects would be called %q, like those of pool %q; rename one" $name $object (get $names $object)) }}
{{- end }}
{{- $_ := set $names $object $name }}
{{- if not ($pool.image | default dict).repository }}
{{- $problems = append $problems (printf "pools.%s.image.repository: a pool needs the image that holds its agent type's code (the chart guesses none)" $name) }}
{{- end }}
{{- if gt (int ($pool.minReplicas | default 0)) (int $pool.maxReplicas) }}
{{- $problems = append $problems (printf "pools.%s: minReplicas %d is above maxReplicas %d" $name (int $pool.minReplicas) (int $pool.maxReplicas)) }}
{{- end }}
{{- if eq (toString $root.Values.catalogue.defaults) "false" }}
{{- if not (hasKey ($root.Values.catalogue.pools | default dict) $name) }}
{{- $problems = append $problems (printf "pools.%s: the catalogue declares no such pool; write both with `fleet render chart-values`" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.autoscaling.enabled (eq .Values.autoscaling.trigger "external-push") (not .Values.scaler.enabled) }}
{{- $problems = append $problems "scaler.enabled=false: then set autoscaling.trigger=redis (queue length) or autoscaling.enabled=false (fixed replicas)" }}
{{- end }}
{{- if and .Values.scaler.tls.kedaSecret (not .Values.scaler.tls.secret) }}
{{- $problems = append $problems "scaler.tls.secret: scaler.tls.kedaSecret is what KEDA shows; name the Secret the scaler serves with as well" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (eq .Values.autoscaling.trigger "redis") (not .Values.redis.enabled) (not .Values.autoscaling.redis.address) }}
{{- $problems = append $problems "autoscaling.redis.address: the redis trigger needs host:port of the external Redis" }}
{{- end }}

{{- /* Secrets named by values must exist; only a live cluster can tell, and not of those another controller will write. */ -}}
{{- if include "fleet.live" . }}
{{- $awaited := list }}
{{- if include "fleet.may.externalSecret" . }}
{{- range .Values.externalSecrets.secrets }}{{ $awaited = append $awaited .name }}{{ end }}
{{- end }}
{{- range $named := (include "fleet.namedSecrets" . | fromYamlArray) }}
{{- if not (has $named.name $awaited) }}
{{- $secret := lookup "v1" "Secret" $root.Release.Namespace $named.name }}
{{- if not $secret }}
{{- $problems = append $problems (printf "%s: Secret %s/%s does not exist; create it first: kubectl -n %s create secret generic %s --from-literal=%s=..." $named.value $root.Release.Namespace $named.name $root.Release.Namespace $named.name (first $named.keys | default "KEY")) }}
{{- else }}
{{- range $key := $named.keys }}
{{- if not (hasKey ($secret.data | default dict) $key) }}
{{- $problems = append $problems (printf "%s: Secret %s/%s has no key %q" $named.value $root.Release.Namespace $named.name $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- printf "\n\nThe fleet was not installed, %d value(s) need attention:\n  - %s\n" (len $problems) (join "\n  - " $problems) }}
{{- end }}
{{- end }}

{{/* Every Secret the values name, with the keys it must hold. */}}
{{- define "fleet.namedSecrets" -}}
{{- if .Values.redis.enabled }}
{{- with .Values.redis.auth.existingSecret }}{{ if .name }}
- {value: redis.auth.existingSecret, name: {{ .name }}, keys: [{{ values .keys | sortAlpha | join ", " }}{{ if eq $.Values.autoscaling.trigger "redis" }}, username{{ end }}]}
{{- end }}{{ end }}
{{- else }}
{{- with .Values.broker.existingSecret }}{{ if .name }}
- {value: broker.existingSecret, name: {{ .name }}, keys: [{{ .key }}{{ with $.Values.broker.storeUrlKey }}, {{ . }}{{ end }}{{ range $.Values.broker.programs }}{{ with .key }}, {{ . }}{{ end }}{{ with .storeUrlKey }}, {{ . }}{{ end }}{{ end }}{{ if and $.Values.autoscaling.enabled (eq $.Values.autoscaling.trigger "redis") }}, {{ $.Values.autoscaling.redis.passwordKey }}{{ end }}]}
{{- end }}{{ end }}
{{- end }}
{{- with .Values.broker.caSecret }}
- {value: broker.caSecret, name: {{ . }}, keys: [ca.crt]}
{{- end }}
{{- if .Values.scaler.enabled }}
{{- with .Values.scaler.tls.secret }}
- {value: scaler.tls.secret, name: {{ . }}, keys: [tls.crt, tls.key, ca.crt]}
{{- end }}
{{- with .Values.scaler.tls.kedaSecret }}
- {value: scaler.tls.kedaSecret, name: {{ . }}, keys: [tls.crt, tls.key, ca.crt]}
{{- end }}
{{- end }}
{{- with .Values.ledger.existingSecret }}{{ if .name }}
- {value: ledger.existingSecret, name: {{ .name }}, keys: [{{ .key }}]}
{{- end }}{{ end }}
{{- if .Values.flower.enabled }}{{ with .Values.flower.basicAuth.existingSecret }}{{ if .name }}
- {value: flower.basicAuth.existingSecret, name: {{ .name }}, keys: [{{ .key }}]}
{{- end }}{{ end }}{{ end }}
{{- range $name, $cell := .Values.cells }}
{{- if ne $name $.Values.cell }}
- {value: cells.{{ $name }}.secret, name: {{ $cell.secret }}, keys: [{{ $cell.urlKey | default "url" }}{{ with $cell.storeUrlKey }}, {{ . }}{{ end }}]}
{{- end }}
{{- end }}
{{- range .Values.envFromSecrets }}
- {value: envFromSecrets, name: {{ . }}, keys: []}
{{- end }}
{{- range .Values.image.pullSecrets }}
- {value: image.pullSecrets, name: {{ .name }}, keys: []}
{{- end }}
{{- range $component := list "gateway" "scaler" "beat" "flower" "metrics" "maintenance" }}
{{- $program := index $.Values $component }}
{{- if $program.enabled }}
{{- range ($program.envFromSecrets | default list) }}
- {value: {{ $component }}.envFromSecrets, name: {{ . }}, keys: []}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $pool := .Values.pools }}
{{- if ne (toString $pool.enabled) "false" }}
{{- range (concat ($.Values.poolDefaults.envFromSecrets | default list) ($pool.envFromSecrets | default list) | uniq) }}
- {value: pools.{{ $name }}.envFromSecrets, name: {{ . }}, keys: []}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

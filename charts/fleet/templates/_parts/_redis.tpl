{{/* Who is let into Redis, and as whom? Every program has a user of its own with the commands and keys it needs
     (files/redis/users.acl, which `fleet broker acl` shows); `fleet` is for people and for KEDA's trigger `redis`. */}}

{{/* The users' rules with the cell and the queues that are not called fleet.* filled in. */}}
{{- define "fleet.redis.users" -}}
{{- $named := list -}}
{{- range $name, $pool := .Values.pools }}
{{- $queue := $pool.queue | default (printf "fleet.%s" $name) }}
{{- if not (hasPrefix "fleet." $queue) }}{{ $named = append $named $queue }}{{ end }}
{{- end }}
{{- $users := .Files.Get "files/redis/users.acl" | replace "@CELL@" .Values.cell -}}
{{- range $access := list "%RW~" "%R~" }}
{{- $rules := list -}}
{{- range ($named | uniq | sortAlpha) }}
{{- $rules = append $rules (printf "%s%s %s%s@PRIORITY@? %s%s@*" $access . $access . $access .) }}
{{- end }}
{{- $users = replace (printf " @QUEUES:%s@" $access) (ternary "" (printf " %s" (join " " $rules)) (empty $rules)) $users }}
{{- end }}
{{- $users | trim -}}
{{- end }}

{{/* The URL of a program's own login. Takes: root, component. */}}
{{- define "fleet.broker.env" -}}
{{- $root := .root -}}
{{- if $root.Values.redis.enabled }}
- name: BROKER_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "fleet.redis.secretName" $root }}
      key: {{ index $root.Values.redis.auth.existingSecret.keys .component }}
- name: FLEET_BROKER__URL
  value: redis://fleet-{{ .component }}:$(BROKER_PASSWORD)@{{ include "fleet.redis.host" $root }}:6379/0
{{- else }}
{{- $own := index $root.Values.broker.programs .component | default dict }}
- name: FLEET_BROKER__URL
  valueFrom:
    secretKeyRef:
      name: {{ include "fleet.broker.secretName" $root }}
      key: {{ $own.key | default $root.Values.broker.existingSecret.key }}
{{- with ($own.storeUrlKey | default $root.Values.broker.storeUrlKey) }}
- name: FLEET_BROKER__STORE_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "fleet.broker.secretName" $root }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end }}

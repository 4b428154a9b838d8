{{/* Which flows of files/flows.yaml exist here? An external broker takes the place of `redis` as a destination. */}}

{{- define "fleet.flows" -}}
{{- $root := . -}}
{{- $features := dict
      "flowerIngress" .Values.flower.behindIngress
      "redisTrigger" (and .Values.autoscaling.enabled (eq .Values.autoscaling.trigger "redis"))
      "prometheusQueries" (not (empty ((.Values.settings.alerts | default dict).prometheus_url)))
      "otlp" (not (empty .Values.monitoring.otlp.endpoint))
      "vault" .Values.vault.enabled
      "mesh" .Values.istio.enabled
      "cells" (gt (len .Values.cells) 1)
      "ledger" (not (empty .Values.ledger.existingSecret.name))
      "rbac" .Values.rbac.create
      "oidc" (not (empty ((.Values.settings.gateway | default dict).oidc_issuer)))
-}}
{{- $present := dict "gateway" .Values.gateway.enabled "scaler" .Values.scaler.enabled "beat" .Values.beat.enabled "flower" .Values.flower.enabled "metrics" .Values.metrics.enabled "maintenance" .Values.maintenance.enabled "worker" (not (empty .Values.pools)) "redis" .Values.redis.enabled "test" .Values.tests.enabled -}}
{{- range $flow := (.Files.Get "files/flows.yaml" | fromYaml).flows }}
{{- $from := ternary (keys $present | sortAlpha) (list $flow.from) (eq $flow.from "*") }}
{{- range $from }}
{{- $to := ternary "broker" $flow.to (and (eq $flow.to "redis") (not $root.Values.redis.enabled)) }}
{{- $here := and (ternary (get $present .) true (hasKey $present .)) (ternary (get $present $to) true (hasKey $present $to)) }}
{{- if and $here (or (not $flow.when) (get $features ($flow.when | default "x"))) }}
- from: {{ . }}
  to: {{ $to }}
  {{- if has $to (list "broker" "cells") }}
  ports: {{ toJson $root.Values.networkPolicy.brokerPorts }}
  {{- else if eq $to "ledger" }}
  ports: [{{ $root.Values.ledger.port }}]
  {{- else if eq $to "vault" }}
  ports: [{{ $root.Values.vault.port }}]
  {{- else }}
  ports: {{ toJson $flow.ports }}
  {{- end }}
  {{- /* Inside the scaler's own TLS no sidecar reads a path; a rule with one would admit nobody. */}}
  {{- $sealed := and (eq $to "scaler") (ne $root.Values.scaler.tls.secret "") }}
  paths: {{ toJson (ternary list ($flow.paths | default list) $sealed) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The components that have pods here. */}}
{{- define "fleet.components" -}}
{{- range $name := list "gateway" "scaler" "beat" "flower" "metrics" "maintenance" "redis" }}
{{- if (index $.Values $name).enabled }}
- {{ $name }}
{{- end }}
{{- end }}
{{- if .Values.pools }}
- worker
{{- end }}
{{- if .Values.tests.enabled }}
- test
{{- end }}
{{- end }}

{{/* One side of a rule: pods of the fleet by label, outsiders by networkPolicy.peers (an empty list means "anywhere"). */}}
{{- define "fleet.network.side" -}}
{{- if has .peer .components }}
{{- .key }}:
  - podSelector:
      matchLabels:
        {{- include "fleet.peer" (dict "root" .root "component" .peer) | nindent 8 }}
{{- else }}
{{- with (index .root.Values.networkPolicy.peers .peer) }}
{{- $.key }}:
  {{- toYaml . | nindent 2 }}
{{- else }}
{{- .key }}: []
{{- end }}
{{- end }}
{{- end }}

{{- define "fleet.network.ports" -}}
{{- range . }}
{{- $parts := splitList "/" (toString .) }}
- {port: {{ int (first $parts) }}, protocol: {{ ternary (last $parts) "TCP" (gt (len $parts) 1) }}}
{{- end }}
{{- end }}

{{/* Who a peer is to the mesh: the service accounts of a component in every track, or the principals values name for an outsider. */}}
{{- define "fleet.mesh.principals" -}}
{{- $root := .root -}}
{{- $prefix := printf "%s/ns/%s/sa/" $root.Values.istio.trustDomain $root.Release.Namespace -}}
{{- if eq .peer "worker" }}
{{- range $name, $row := $root.Values.pools }}
{{- $c := include "fleet.pool.context" (dict "root" $root "name" $name "pool" $row) | fromYaml }}
- {{ $prefix }}{{ $c.serviceAccount }}
{{- end }}
{{- else if has .peer .components }}
- {{ $prefix }}{{ include "fleet.serviceAccountName" (dict "root" $root "component" .peer) }}
{{- range $root.Values.istio.otherTracks }}
- {{ $prefix }}{{ . }}-{{ $.peer }}
{{- end }}
{{- else }}
{{- with (index $root.Values.istio.principals .peer) }}
{{- toYaml . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Which settings does a container see? Plain ones come from the `settings` ConfigMap, secret ones from Secrets. */}}

{{/* The broker's Secret and its keys: the one of the user, else the one the chart writes. */}}
{{- define "fleet.broker.secretName" -}}
{{- .Values.broker.existingSecret.name | default (include "fleet.name" (dict "root" . "component" "broker")) -}}
{{- end }}

{{- define "fleet.redis.secretName" -}}
{{- .Values.redis.auth.existingSecret.name | default (include "fleet.name" (dict "root" . "component" "redis-auth")) -}}
{{- end }}

{{- define "fleet.redis.host" -}}
{{ include "fleet.name" (dict "root" . "component" "redis") }}.{{ .Release.Namespace }}.svc
{{- end }}

{{/* Takes: root, component (whose login), values. */}}
{{- define "fleet.env" -}}
{{- $root := .root -}}
{{ include "fleet.broker.env" . | trim }}
{{ include "fleet.cells.env" $root | trim }}
{{- with $root.Values.ledger.existingSecret.name }}
- name: FLEET_COSTS__LEDGER_URL
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $root.Values.ledger.existingSecret.key }}
{{- end }}
{{- with $root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- with (.values.extraEnv | default list) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "fleet.envFrom" -}}
- configMapRef:
    name: {{ include "fleet.name" (dict "root" .root "component" "settings") }}
{{- range (concat .root.Values.envFromSecrets (.values.envFromSecrets | default list)) }}
- secretRef:
    name: {{ . }}
{{- end }}
{{- end }}

{{/* Plain settings as environment variables: what the chart knows, then what `settings` says, which wins. */}}
{{- define "fleet.settings" -}}
{{- $known := dict
      "cell" .Values.cell
      "state_dir" "/tmp/.fleet"
      "gateway" (dict "host" "0.0.0.0" "port" 8080 "trust_mesh_identity" (and .Values.istio.enabled .Values.istio.trustMeshIdentity))
      "telemetry" (dict "log_format" "json" "metrics_port" 9808 "metrics_host" "0.0.0.0")
-}}
{{- with .Values.monitoring.otlp.endpoint }}
{{- $_ := set $known.telemetry "otlp_endpoint" . }}
{{- $_ := set $known.telemetry "otlp_protocol" $.Values.monitoring.otlp.protocol }}
{{- end }}
{{- if .Values.vault.enabled }}
{{- $_ := set $known "secrets" (dict "backend" "vault" "vault_url" .Values.vault.url "vault_auth" .Values.vault.auth "vault_mount" .Values.vault.mount "vault_namespace" .Values.vault.namespace "vault_role" .Values.vault.role) }}
{{- end }}
{{- if and .Values.rbac.create .Values.rbac.secretMirror }}
{{- $_ := set $known "secrets" (mergeOverwrite ($known.secrets | default dict) (dict "mirrored" (include "fleet.mirrored" . | fromYamlArray))) }}
{{- end }}
{{- $all := mergeOverwrite $known (deepCopy .Values.settings) -}}
{{- if .Values.catalogue }}
FLEET_FILE: /etc/fleet/fleet.yaml
{{- end }}
HOME: /tmp
TMPDIR: /tmp
{{- range $group, $fields := $all }}
{{- if kindIs "map" $fields }}
{{- range $field, $value := $fields }}
{{- if and (not (kindIs "invalid" $value)) (ne (toString $value) "") }}
FLEET_{{ upper $group }}__{{ upper $field }}: {{ include "fleet.settingText" $value | quote }}
{{- end }}
{{- end }}
{{- else }}
FLEET_{{ upper $group }}: {{ include "fleet.settingText" $fields | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Which Deployment an agent type's copied secrets belong to: its first stable pool's. */}}
{{- define "fleet.mirrored" -}}
{{- $seen := dict }}
{{- range $name, $row := .Values.pools }}
{{- if and (ne (toString $row.enabled) "false") (not (contains "@" $name)) }}
{{- $agent := $row.agentType }}
{{- if not (hasKey $seen $agent) }}
{{- $_ := set $seen $agent $name }}
- {{ $agent }}={{ include "fleet.pool.name" (dict "root" $ "name" $name "pool" $row) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Lists are written with commas; whole numbers without an exponent (YAML numbers arrive as floats). */}}
{{- define "fleet.settingText" -}}
{{- if kindIs "slice" . }}{{ join "," . }}
{{- else if and (kindIs "float64" .) (eq (. | int64 | float64) .) }}{{ int64 . }}
{{- else }}{{ . }}{{ end }}
{{- end }}

{{- define "fleet.flower.secretName" -}}
{{- .Values.flower.basicAuth.existingSecret.name | default (include "fleet.name" (dict "root" . "component" "flower-auth")) -}}
{{- end }}

{{/* Pods roll when credentials are named anew; rotation inside a Secret reaches live workers without a restart. */}}
{{- define "fleet.credentials.checksum" -}}
{{- toJson (list .Values.broker .Values.redis.enabled .Values.redis.auth .Values.ledger .Values.flower.basicAuth) | sha256sum | trunc 32 -}}
{{- end }}

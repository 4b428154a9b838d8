{{/* Which pools run, and with what? Each row of `pools` over `poolDefaults`; a key is <pool> or <pool>@<version>. */}}

{{/* What every template of a pool starts from. Takes: root, name, pool (the row). */}}
{{- define "fleet.pool.context" -}}
{{- $pool := mergeOverwrite (deepCopy .root.Values.poolDefaults) (deepCopy .pool) -}}
{{- $parts := splitList "@" .name -}}
{{- $ids := dict "root" .root "component" "worker" "pool" (first $parts) "version" (ternary (last $parts) "stable" (gt (len $parts) 1)) -}}
id: {{ .name | quote }}
base: {{ first $parts }}
object: {{ include "fleet.pool.name" . }}
queue: {{ $pool.queue | default (printf "fleet.%s" .name) | quote }}
serviceAccount: {{ $pool.serviceAccount.name | default (include "fleet.pool.name" .) }}
labels:
  {{- include "fleet.labels" $ids | nindent 2 }}
  fleet/agent-type: {{ $pool.agentType }}
selector:
  {{- include "fleet.selector" $ids | nindent 2 }}
pool:
  {{- toYaml $pool | nindent 2 }}
{{- end }}

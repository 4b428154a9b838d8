{{/* Which pools run, and with what? Each row of `pools` over the defaults of `poolDefaults`. */}}

{{- define "fleet.pool.merged" -}}
{{- mergeOverwrite (deepCopy .root.Values.poolDefaults) (deepCopy .pool) | toYaml -}}
{{- end }}

{{/* What every template of a pool starts from: root, name, pool (merged), id, object, labels, selector, serviceAccount. */}}
{{- define "fleet.pool.context" -}}
{{- $pool := include "fleet.pool.merged" . | fromYaml -}}
{{- $here := dict "root" .root "name" .name "pool" $pool -}}
{{- $ids := dict "root" .root "component" "worker" "pool" ($pool.pool | default .name) "version" $pool.version -}}
id: {{ include "fleet.pool.id" $here | quote }}
object: {{ include "fleet.pool.name" $here }}
serviceAccount: {{ $pool.serviceAccount.name | default (include "fleet.pool.name" $here) }}
labels:
  {{- include "fleet.labels" $ids | nindent 2 }}
  fleet/agent-type: {{ $pool.agentType }}
selector:
  {{- include "fleet.selector" $ids | nindent 2 }}
pool:
  {{- toYaml $pool | nindent 2 }}
{{- end }}

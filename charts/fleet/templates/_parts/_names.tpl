{{/* What is everything called? One fleet lives in one namespace, so an object carries the plain name of its component;
     a track (blue, green) is put before it, so that two versions can stand side by side. */}}

{{- define "fleet.name" -}}
{{- $name := .component | replace "_" "-" | lower -}}
{{- if .root.Values.track }}{{ .root.Values.track }}-{{ end }}{{ $name }}
{{- end }}

{{/* Name of a pool's objects: worker-<pool>[-<version>]; short enough for the names KEDA and ReplicaSets derive from it. */}}
{{- define "fleet.pool.name" -}}
{{- include "fleet.name" (dict "root" .root "component" (printf "worker-%s" (.name | replace "@" "-" | replace "." "-"))) | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Labels a selector may rest on: they never change during the life of a workload. */}}
{{- define "fleet.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .pool }}
fleet/pool: {{ . }}
{{- end }}
{{- if .pool }}
fleet/pool-version: {{ .version | default "stable" | quote }}
{{- end }}
{{- end }}

{{- define "fleet.labels" -}}
{{ include "fleet.selector" . }}
app.kubernetes.io/part-of: agent-fleet
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.track }}
fleet/track: {{ . }}
{{- end }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Pods of a component in every release of this namespace: what network policies and spread rules select. */}}
{{- define "fleet.peer" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* registry/repository:tag@digest; the image of the root unless `image` overrides a part of it. */}}
{{- define "fleet.image" -}}
{{- $own := .image | default dict -}}
{{- $base := .root.Values.image -}}
{{- $registry := $own.registry | default $base.registry -}}
{{- $repository := $own.repository | default $base.repository -}}
{{- $tag := $own.tag | default $base.tag | default .root.Chart.AppVersion -}}
{{- $digest := ternary $own.digest $base.digest (not (empty $own.repository)) -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $repository }}:{{ $tag }}{{ with $digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "fleet.serviceAccountName" -}}
{{- $given := (index .root.Values .component | default dict).serviceAccount | default dict -}}
{{- $given.name | default (include "fleet.name" .) -}}
{{- end }}

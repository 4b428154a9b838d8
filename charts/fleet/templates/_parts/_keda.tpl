{{/* How wide is the band in which the HPA ignores its metric? Kubernetes 1.35 lets a ScaledObject close it; before that the scaler steps
     over the cluster's band, which the trigger names, and needs room above the pool's maximum for it. */}}

{{/* "0" where the band is closed, else the cluster's width. */}}
{{- define "fleet.keda.band" -}}
{{- $mode := toString .Values.autoscaling.tolerance -}}
{{- if eq $mode "closed" -}}0
{{- else if and (eq $mode "auto") (semverCompare ">=1.35.0-0" .Capabilities.KubeVersion.Version) -}}0
{{- else -}}{{ .Values.autoscaling.clusterTolerance }}
{{- end -}}
{{- end }}

{{/* maxReplicaCount of a pool: its maximum, or the largest detour the scaler takes to leave the band. Takes: maximum, band. */}}
{{- define "fleet.keda.ceiling" -}}
{{- $max := int .maximum -}}
{{- $band := float64 .band -}}
{{- $ceiling := $max -}}
{{- if gt $band 0.0 -}}
{{- $low := subf 1.0 $band -}}
{{- $high := addf 1.0 $band -}}
{{- $pastTarget := add 1 (floor (addf (divf $max $low) 1e-9)) | int -}}
{{- range $size := untilStep 1 (int (add 2 (ceil (divf $max $low)))) 1 -}}
{{- $ratio := divf $max $size -}}
{{- if and (ne $size $max) (ge $ratio (subf $low 1e-9)) (le $ratio (addf $high 1e-9)) -}}
{{- $ceiling = max $ceiling $pastTarget (add 1 (floor (addf (mulf $size $high) 1e-9))) | int -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ $ceiling }}
{{- end }}

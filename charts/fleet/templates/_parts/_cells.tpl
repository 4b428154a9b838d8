{{/* How does a release know the fleet's other cells? Names and weights are settings, URLs come from Secrets; every program needs both,
     for settings that name a cell nobody can reach are refused. */}}

{{/* Names and weights, for the settings ConfigMap. */}}
{{- define "fleet.cells.settings" -}}
{{- range $name, $cell := .Values.cells }}
FLEET_CELLS__{{ upper $name }}__WEIGHT: {{ ($cell).weight | default 1 | quote }}
{{- end }}
{{- end }}

{{- define "fleet.cells.env" -}}
{{- range $name, $cell := .Values.cells }}
{{- if ne $name $.Values.cell }}
- name: FLEET_CELLS__{{ upper $name }}__BROKER_URL
  valueFrom:
    secretKeyRef:
      name: {{ $cell.secret }}
      key: {{ $cell.urlKey | default "url" }}
{{- with $cell.storeUrlKey }}
- name: FLEET_CELLS__{{ upper $name }}__STORE_URL
  valueFrom:
    secretKeyRef:
      name: {{ $cell.secret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

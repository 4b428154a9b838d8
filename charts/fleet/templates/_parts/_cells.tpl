{{/* How does a release know the fleet's other cells? Every program knows their names and weights; only those that speak to other cells
     get their URLs. */}}

{{/* Names and weights, for the settings ConfigMap. */}}
{{- define "fleet.cells.settings" -}}
{{- range $name, $cell := .Values.cells }}
FLEET_CELLS__{{ upper $name }}__WEIGHT: {{ ($cell).weight | default 1 | quote }}
{{- end }}
{{- end }}

{{/* URLs of the others. Takes: root, component. */}}
{{- define "fleet.cells.env" -}}
{{- if has .component (list "gateway" "maintenance" "worker") }}
{{- range $name, $cell := .root.Values.cells }}
{{- if ne $name $.root.Values.cell }}
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
{{- end }}

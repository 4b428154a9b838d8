{{/* Which certificates does the scaler serve with, and which does KEDA show? Files are named as cert-manager names them. */}}

{{- define "fleet.scaler.args" -}}
- scaler
{{- if .Values.scaler.tls.secret }}
- --tls-certificate=/etc/fleet-scaler-tls/tls.crt
- --tls-key=/etc/fleet-scaler-tls/tls.key
{{- if .Values.scaler.tls.kedaSecret }}
- --client-authority=/etc/fleet-scaler-tls/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret whose certificates a caller uses: with mutual TLS its own, else the scaler's, of which only ca.crt is read. */}}
{{- define "fleet.scaler.callerSecret" -}}
{{- .Values.scaler.tls.kedaSecret | default .Values.scaler.tls.secret -}}
{{- end }}

{{- define "fleet.scaler.mounts" -}}
{{- if . }}
- name: scaler-tls
  mountPath: /etc/fleet-scaler-tls
  readOnly: true
{{- end }}
{{- end }}

{{- define "fleet.scaler.volumes" -}}
{{- if .secret }}
- name: scaler-tls
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
    {{- with .items }}
    items:
      {{- range . }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
    {{- end }}
{{- end }}
{{- end }}

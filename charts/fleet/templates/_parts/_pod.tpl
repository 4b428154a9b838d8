{{/* What does every pod of the fleet have in common? Everything Pod Security `restricted` asks for, read-only roots,
     no service links (a Service named fleet-* would look like a setting), and placement from values. */}}

{{- define "fleet.pod.common" -}}
{{- $root := .root -}}
{{- $c := .values -}}
serviceAccountName: {{ .serviceAccount }}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $root.Values.podSecurity.user }}
  runAsGroup: {{ $root.Values.podSecurity.group }}
  fsGroup: {{ $root.Values.podSecurity.group }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- if or $c.priorityClassName $root.Values.priorityClasses.create }}
priorityClassName: {{ $c.priorityClassName | default (include "fleet.priorityClass" (dict "root" $root "class" .priority)) }}
{{- end }}
{{- with ($c.nodeSelector | default $root.Values.nodeSelector) }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with ($c.tolerations | default $root.Values.tolerations) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with ($c.affinity | default $root.Values.affinity) }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $root.Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range $root.Values.topologySpread.keys }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- $.selector | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "fleet.priorityClass" -}}
{{ .root.Release.Namespace }}-{{ include "fleet.name" (dict "root" .root "component" (printf "fleet-%s" .class)) }}
{{- end }}

{{/* Metadata of a pod: labels, checksums (so that a changed setting rolls the pods), annotations from values. */}}
{{- define "fleet.pod.metadata" -}}
labels:
  {{- .labels | nindent 2 }}
  {{- with (.values.podLabels | default dict) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/settings: {{ include (print .root.Template.BasePath "/catalogue/configmap.yaml") .root | sha256sum | trunc 32 }}
  checksum/credentials: {{ include "fleet.credentials.checksum" .root }}
  {{- with (mergeOverwrite (deepCopy .root.Values.podAnnotations) (.values.podAnnotations | default dict)) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "fleet.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Volumes and mounts: the catalogue, scratch in place of a writable root, the Vault login token, the broker's CA. */}}
{{- define "fleet.volumes" -}}
- name: scratch
  emptyDir:
    sizeLimit: {{ .scratch | default "512Mi" }}
{{- if .root.Values.catalogue }}
- name: catalogue
  configMap:
    name: {{ include "fleet.name" (dict "root" .root "component" "catalogue") }}
{{- end }}
{{- if .root.Values.broker.caSecret }}
- name: broker-ca
  secret:
    secretName: {{ .root.Values.broker.caSecret }}
    defaultMode: 288 # 0440
{{- end }}
{{- if eq .root.Values.vault.auth "kubernetes" }}{{ if .root.Values.vault.enabled }}
- name: vault-token
  projected:
    defaultMode: 288 # 0440
    sources:
      - serviceAccountToken:
          path: token
          audience: {{ .root.Values.vault.audience }}
          expirationSeconds: 3600
{{- end }}{{ end }}
{{- end }}

{{- define "fleet.mounts" -}}
- name: scratch
  mountPath: /tmp
{{- if .root.Values.catalogue }}
- name: catalogue
  mountPath: /etc/fleet
  readOnly: true
{{- end }}
{{- if .root.Values.broker.caSecret }}
- name: broker-ca
  mountPath: /etc/fleet-broker-ca
  readOnly: true
{{- end }}
{{- if eq .root.Values.vault.auth "kubernetes" }}{{ if .root.Values.vault.enabled }}
- name: vault-token
  mountPath: /var/run/secrets/vault
  readOnly: true
{{- end }}{{ end }}
{{- end }}

{{/* A pod of `helm test`: asks one question, ends by itself. Takes: root, name, script (Python), mounts and volumes (text). */}}
{{- define "fleet.test" -}}
{{- $id := dict "root" .root "component" "test" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "fleet.name" (dict "root" .root "component" (printf "test-%s" .name)) }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "fleet.labels" $id | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  restartPolicy: Never
  activeDeadlineSeconds: 120
  {{- include "fleet.pod.common" (dict "root" .root "values" .root.Values.tests "serviceAccount" (include "fleet.name" $id) "selector" (include "fleet.selector" $id) "priority" "worker") | nindent 2 }}
  containers:
    - name: test
      image: {{ include "fleet.image" (dict "root" .root) }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command: [python, -c]
      args:
        - |
          {{- .script | nindent 10 }}
      env:
        - {name: HOME, value: /tmp}
      resources:
        {{- toYaml .root.Values.tests.resources | nindent 8 }}
      securityContext:
        {{- include "fleet.container.security" .root | nindent 8 }}
      volumeMounts:
        - {name: scratch, mountPath: /tmp}
        {{- with .mounts }}
        {{- . | nindent 8 }}
        {{- end }}
  volumes:
    - name: scratch
      emptyDir: {sizeLimit: 16Mi}
    {{- with .volumes }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* How is one of the fleet's own programs deployed? The same way for all: args, ports and probes are what differs.
     Takes: root, component, args, ports ([{name, port}]), probes (text), replicas ("" = someone else owns them), strategy (text),
     priority, grace, token (mount the API token), volumes and mounts (text). */}}

{{- define "fleet.program" -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $values := index $root.Values $component -}}
{{- $id := dict "root" $root "component" $component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "fleet.name" $id }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "fleet.labels" $id | nindent 4 }}
spec:
  {{- if ne (toString .replicas) "" }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: {{ $root.Values.revisionHistoryLimit }}
  strategy:
    {{- .strategy | default "type: RollingUpdate\nrollingUpdate:\n  maxUnavailable: 0\n  maxSurge: 1" | nindent 4 }}
  selector:
    matchLabels:
      {{- include "fleet.selector" $id | nindent 6 }}
  template:
    metadata:
      {{- include "fleet.pod.metadata" (dict "root" $root "values" $values "labels" (include "fleet.labels" $id)) | nindent 6 }}
    spec:
      {{- include "fleet.pod.common" (dict "root" $root "values" $values "serviceAccount" (include "fleet.serviceAccountName" $id) "selector" (include "fleet.selector" $id) "priority" .priority "token" .token) | nindent 6 }}
      terminationGracePeriodSeconds: {{ .grace }}
      containers:
        - name: {{ $component }}
          image: {{ include "fleet.image" (dict "root" $root "image" $values.image) }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args:
            {{- toYaml .args | nindent 12 }}
          {{- with .ports }}
          ports:
            {{- range . }}
            - name: {{ .name }}
              containerPort: {{ .port }}
              protocol: TCP
            {{- end }}
          {{- end }}
          envFrom:
            {{- include "fleet.envFrom" (dict "root" $root "values" $values) | nindent 12 }}
          env:
            {{- include "fleet.env" (dict "root" $root "component" $component "values" $values) | trim | nindent 12 }}
            {{- with .env }}
            {{- . | nindent 12 }}
            {{- end }}
          {{- .probes | nindent 10 }}
          {{- with .lifecycle }}
          lifecycle:
            {{- . | nindent 12 }}
          {{- end }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- include "fleet.container.security" . | nindent 12 }}
          volumeMounts:
            {{- include "fleet.mounts" (dict "root" $root) | nindent 12 }}
            {{- with .mounts }}
            {{- . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "fleet.volumes" (dict "root" $root) | nindent 8 }}
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
{{- end }}

{{/* Probes by HTTP. Takes: port, ready, live. */}}
{{- define "fleet.probes.http" -}}
startupProbe:
  httpGet: {path: {{ .live }}, port: {{ .port }}}
  periodSeconds: 3
  failureThreshold: 40
readinessProbe:
  httpGet: {path: {{ .ready }}, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: {{ .live }}, port: {{ .port }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 4
{{- end }}

{{/* Probes by gRPC health service. Takes: port. */}}
{{- define "fleet.probes.grpc" -}}
startupProbe:
  grpc: {port: {{ .port }}}
  periodSeconds: 3
  failureThreshold: 40
readinessProbe:
  grpc: {port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  grpc: {port: {{ .port }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 4
{{- end }}

{{/* Probes by an open port, for what speaks TLS: the kubelet's gRPC probe does not. Takes: port. */}}
{{- define "fleet.probes.tcp" -}}
startupProbe:
  tcpSocket: {port: {{ .port }}}
  periodSeconds: 3
  failureThreshold: 40
readinessProbe:
  tcpSocket: {port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  tcpSocket: {port: {{ .port }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 4
{{- end }}

{{/* Probes by a command whose exit code knows whether the program does its work, not only whether it runs. Takes: command, live (the
     question whose "no" restarts it: a store that does not answer is no such reason), probes. */}}
{{- define "fleet.probes.exec" -}}
startupProbe:
  exec:
    command: {{ toJson .command }}
  periodSeconds: {{ .probes.startupPeriodSeconds }}
  timeoutSeconds: {{ .probes.timeoutSeconds }}
  failureThreshold: {{ .probes.startupFailures }}
readinessProbe:
  exec:
    command: {{ toJson .command }}
  periodSeconds: {{ .probes.periodSeconds }}
  timeoutSeconds: {{ .probes.timeoutSeconds }}
  failureThreshold: 2
livenessProbe:
  exec:
    command: {{ toJson .live }}
  periodSeconds: {{ .probes.periodSeconds }}
  timeoutSeconds: {{ .probes.timeoutSeconds }}
  failureThreshold: {{ .probes.livenessFailures }}
{{- end }}

{{/* A Service for one component. Takes: root, component, name (port name), port, appProtocol. */}}
{{- define "fleet.service" -}}
{{- $id := dict "root" .root "component" .component -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "fleet.name" $id }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "fleet.labels" $id | nindent 4 }}
  {{- with (index .root.Values .component).serviceAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: ClusterIP
  selector:
    {{- include "fleet.selector" $id | nindent 4 }}
  ports:
    - name: {{ .name }}
      port: {{ .port }}
      targetPort: {{ .name }}
      protocol: TCP
      {{- with .appProtocol }}
      appProtocol: {{ . }}
      {{- end }}
{{- end }}

{{/* A disruption budget for one component. Takes: root, component, selector (text), name. */}}
{{- define "fleet.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- .labels | nindent 4 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- .selector | nindent 6 }}
{{- end }}

{{- define "fleet.component.pdb" -}}
{{- $id := dict "root" .root "component" .component -}}
{{- $max := (index .root.Values .component).maxUnavailable -}}
{{- include "fleet.pdb" (dict "root" .root "name" (include "fleet.name" $id) "labels" (include "fleet.labels" $id) "selector" (include "fleet.selector" $id) "maxUnavailable" $max) -}}
{{- end }}

{{/* A service account of a component; workload identity comes in by annotations. */}}
{{- define "fleet.serviceAccount" -}}
{{- $id := dict "root" .root "component" .component -}}
{{- $given := (index .root.Values .component).serviceAccount -}}
{{- if $given.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "fleet.serviceAccountName" $id }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "fleet.labels" $id | nindent 4 }}
  {{- with $given.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

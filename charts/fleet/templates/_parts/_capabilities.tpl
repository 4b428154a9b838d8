{{/* May an object of this kind be rendered? Where its API is served, or where a value says "always". Each answers "true" or "". */}}

{{- define "fleet.may" -}}
{{- if eq .mode "always" }}true{{ else if eq .mode "auto" }}{{ if .root.Capabilities.APIVersions.Has .api }}true{{ end }}{{ end }}
{{- end }}

{{- define "fleet.may.keda" -}}
{{- if and .Values.autoscaling.enabled (include "fleet.may" (dict "root" . "mode" .Values.autoscaling.render "api" "keda.sh/v1alpha1/ScaledObject")) }}true{{ end }}
{{- end }}

{{- define "fleet.may.serviceMonitor" -}}
{{- if and .Values.monitoring.serviceMonitors.enabled (include "fleet.may" (dict "root" . "mode" .Values.monitoring.render "api" "monitoring.coreos.com/v1/ServiceMonitor")) }}true{{ end }}
{{- end }}

{{- define "fleet.may.prometheusRule" -}}
{{- if and .Values.monitoring.rules.enabled (include "fleet.may" (dict "root" . "mode" .Values.monitoring.render "api" "monitoring.coreos.com/v1/PrometheusRule")) }}true{{ end }}
{{- end }}

{{- define "fleet.may.meshSecurity" -}}
{{- if and .Values.istio.enabled (include "fleet.may" (dict "root" . "mode" .Values.istio.render "api" "security.istio.io/v1/PeerAuthentication")) }}true{{ end }}
{{- end }}

{{- define "fleet.may.meshTraffic" -}}
{{- if and .Values.istio.enabled (include "fleet.may" (dict "root" . "mode" .Values.istio.render "api" "networking.istio.io/v1/DestinationRule")) }}true{{ end }}
{{- end }}

{{- define "fleet.may.httpRoute" -}}
{{- if and .Values.gateway.httpRoute.enabled (include "fleet.may" (dict "root" . "mode" .Values.gateway.httpRoute.render "api" "gateway.networking.k8s.io/v1/HTTPRoute")) }}true{{ end }}
{{- end }}

{{- define "fleet.may.externalSecret" -}}
{{- if and .Values.externalSecrets.enabled (include "fleet.may" (dict "root" . "mode" .Values.externalSecrets.render "api" "external-secrets.io/v1/ExternalSecret")) }}true{{ end }}
{{- end }}

{{- define "fleet.may.queueMetric" -}}
{{- include "fleet.may" (dict "root" . "mode" .Values.gateway.autoscaling.queueLength.render "api" "custom.metrics.k8s.io/v1beta1") }}
{{- end }}

{{/* Do look-ups answer? `helm template`, `helm lint` and a client-side dry run see no objects at all. A namespace that exists has its
     account; one that `--create-namespace` is about to make has nothing, so a cluster of its own kind is asked for what all have. */}}
{{- define "fleet.live" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" }}true
{{- else if .Capabilities.APIVersions.Has "apiregistration.k8s.io/v1" }}
{{- if lookup "v1" "Namespace" "" "default" }}true{{ end }}
{{- end }}
{{- end }}

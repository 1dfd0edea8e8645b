{{- define "sentari.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "sentari.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "sentari.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "sentari.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "sentari.selector" -}}
app.kubernetes.io/name: {{ include "sentari.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sentari.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "sentari.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "sentari.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "sentari.serviceAccount" -}}
{{- default (include "sentari.fullname" .) .Values.serviceAccount.existing }}
{{- end }}

{{- define "sentari.claim" -}}
{{- default (printf "%s-data" (include "sentari.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}

{{- /* How to speak to a pod: "https" or "http". */}}
{{- define "sentari.scheme" -}}
{{- if or .Values.tls.existingSecret .Values.settings.SENTARI_TLS .Values.settings.SENTARI_TLS_CERT }}https{{ else }}http{{ end }}
{{- end }}

{{- define "sentari.live" -}}
httpGet:
  path: /healthz
  port: {{ include "sentari.scheme" . }}
  scheme: {{ include "sentari.scheme" . | upper }}
{{- end }}

{{- define "sentari.openshift" -}}
{{- if or (eq .Values.openshift "always") (and (eq .Values.openshift "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}true{{ end }}
{{- end }}

{{- /* What the schema cannot say, or says less clearly. */}}
{{- define "sentari.check" -}}
{{- if eq .Values.database "sqlite" }}
  {{- if gt (int .Values.replicas) 1 }}
    {{- fail "replicas: SQLite serves one pod only. Set replicas to 1, or database to postgresql." }}
  {{- end }}
  {{- if .Values.secrets.SENTARI_DATABASE_URL }}
    {{- fail "secrets.SENTARI_DATABASE_URL is set: set database to postgresql." }}
  {{- end }}
{{- else }}
  {{- range $name := list "SENTARI_DATABASE_URL" "SENTARI_SECRET_KEY" }}
    {{- if not (index $.Values.secrets $name) }}
      {{- fail (printf "secrets.%s: PostgreSQL needs it. Name a Secret and its key." $name) }}
    {{- end }}
  {{- end }}
{{- end }}
{{- range $name, $_ := .Values.secrets }}
  {{- if index $.Values.settings $name }}
    {{- fail (printf "settings.%s: it is under secrets as well. Remove one of the two." $name) }}
  {{- end }}
{{- end }}
{{- if and .Values.settings.SENTARI_TLS (gt (int .Values.replicas) 1) }}
  {{- fail "settings.SENTARI_TLS: each pod would make a certificate of its own, and agents pin one. Set tls.existingSecret, or end TLS in front." }}
{{- end }}
{{- if and .Values.settings.SENTARI_TLS .Values.tls.existingSecret }}
  {{- fail "settings.SENTARI_TLS: tls.existingSecret is set as well. Remove one of the two." }}
{{- end }}
{{- if and .Values.agentsCa.configMap .Values.tls.existingSecret .Values.tls.caKey }}
  {{- fail "agentsCa.configMap: tls.caKey names the agents' CA as well. Remove one of the two." }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.secrets.SENTARI_METRICS_TOKEN) }}
  {{- fail "serviceMonitor.enabled: without secrets.SENTARI_METRICS_TOKEN nobody but the pod itself may ask for metrics." }}
{{- end }}
{{- end }}

{{- define "care-voice.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "care-voice.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "care-voice.labels" -}}
{{ include "care-voice.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "care-voice.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Several pods need rows and sound that all of them reach. */}}
{{- define "care-voice.shared" -}}
{{- if and (eq .Values.database.kind "postgresql") (or (eq .Values.audio.kind "s3") (has "ReadWriteMany" .Values.data.accessModes)) }}yes{{ end -}}
{{- end -}}

{{/* Where the volume that must not be lost is mounted; empty where there is none. */}}
{{- define "care-voice.volume" -}}
{{- if eq .Values.database.kind "sqlite" }}/data{{ else if eq .Values.audio.kind "directory" }}/recordings{{ end -}}
{{- end -}}

{{- define "care-voice.check" -}}
{{- $several := or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) -}}
{{- if and $several (not (include "care-voice.shared" .)) -}}
{{- fail "More than one replica needs database.kind=postgresql, and audio.kind=s3 or data.accessModes=[ReadWriteMany]" -}}
{{- end -}}
{{- if and (eq .Values.database.kind "postgresql") (not .Values.database.existingSecret) -}}
{{- fail "database.kind=postgresql needs database.existingSecret" -}}
{{- end -}}
{{- if and (eq .Values.audio.kind "s3") (not .Values.audio.s3.bucket) -}}
{{- fail "audio.kind=s3 needs audio.s3.bucket" -}}
{{- end -}}
{{- range $name, $value := .Values.settings }}
{{- if hasPrefix "CARE_VOICE_" $name }}{{ fail (printf "settings.%s: names stand there without CARE_VOICE_" $name) }}{{ end }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.operator.existingSecret) -}}
{{- fail "serviceMonitor.enabled needs operator.existingSecret: /metrics is the operator's" -}}
{{- end -}}
{{- end -}}

{{/* Names by which clients may call it; others are refused by the service. */}}
{{- define "care-voice.hosts" -}}
{{- $name := include "care-voice.name" . -}}
{{- $own := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) -}}
{{- concat $own .Values.ingress.hosts .Values.httpRoute.hosts | uniq | join "," -}}
{{- end -}}

{{- define "care-voice.env" -}}
- name: CARE_VOICE_MODEL
  value: {{ .Values.models.served | quote }}
{{- with .Values.models.also }}
- name: CARE_VOICE_ALSO_SERVED
  value: {{ join "," . | quote }}
{{- end }}
- name: CARE_VOICE_MODELS__DIRECTORY
  value: /store
- name: CARE_VOICE_LOG_FORMAT
  value: json
- name: CARE_VOICE_API__ALLOWED_HOSTS
  value: {{ include "care-voice.hosts" . | quote }}
{{- with .Values.trustedProxies }}
- name: CARE_VOICE_API__TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
- name: CARE_VOICE_LIFECYCLE__DRAIN_TIMEOUT_S
  value: {{ .Values.shutdown.drainS | quote }}
{{- if .Values.gpu.enabled }}
- name: CARE_VOICE_ENGINE__DEVICE
  value: cuda
{{- end }}
{{- if eq .Values.database.kind "postgresql" }}
- name: CARE_VOICE_STORE__URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret }}
      key: {{ .Values.database.urlKey }}
{{- end }}
{{- if .Values.operator.existingSecret }}
- name: CARE_VOICE_API__OPERATOR_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .Values.operator.existingSecret }}
      key: {{ .Values.operator.tokenKey }}
{{- end }}
{{- include "care-voice.audio" . }}
{{- range $name, $value := .Values.settings }}
- name: CARE_VOICE_{{ $name }}
  value: {{ include "care-voice.setting" $value }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Numbers of a values file are floats to Helm, which writes a million as 1e+06: no setting is read from that. */}}
{{- define "care-voice.setting" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . | quote }}{{ else }}{{ quote . }}{{ end -}}
{{- end -}}

{{- define "care-voice.audio" -}}
{{- if eq (include "care-voice.volume" .) "/recordings" }}
- name: CARE_VOICE_AUDIO__DIRECTORY
  value: /recordings
{{- end }}
{{- if eq .Values.audio.kind "s3" }}
- name: CARE_VOICE_AUDIO__KIND
  value: s3
{{- range $name, $value := pick .Values.audio.s3 "bucket" "prefix" "endpoint" "region" }}
{{- if $value }}
- name: CARE_VOICE_AUDIO__S3__{{ upper $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- if .Values.audio.s3.existingSecret }}
- name: CARE_VOICE_AUDIO__S3__ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.audio.s3.existingSecret }}
      key: {{ .Values.audio.s3.accessKeyKey }}
- name: CARE_VOICE_AUDIO__S3__SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.audio.s3.existingSecret }}
      key: {{ .Values.audio.s3.secretKeyKey }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "care-voice.mounts" -}}
- name: data
  mountPath: /data
{{- if eq (include "care-voice.volume" .) "/recordings" }}
- name: recordings
  mountPath: /recordings
{{- end }}
- name: models
  mountPath: /store
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "care-voice.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What every object's name starts with; short enough that no suffix takes a name past 63 characters. */}}
{{- define "pulse.fullname" -}}
{{- $own := .Release.Name -}}
{{- if not (contains .Chart.Name $own) }}{{ $own = printf "%s-%s" $own .Chart.Name }}{{ end -}}
{{- .Values.fullnameOverride | default $own | trunc 44 | trimSuffix "-" -}}
{{- end }}

{{- define "pulse.operator" -}}{{ include "pulse.fullname" . }}-operator{{- end }}

{{- define "pulse.drain" -}}{{ include "pulse.fullname" . }}-drain{{- end }}

{{/* What never changes, so that a Deployment's selector can be made of it. Takes (root, component). */}}
{{- define "pulse.selector" -}}
app.kubernetes.io/name: pulse-operator
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of an object of the chart. Takes (root, component). */}}
{{- define "pulse.labels" -}}
{{- $root := index . 0 -}}
{{ include "pulse.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pulse
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The reference of an image. Takes (root, one of the images in the values). */}}
{{- define "pulse.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $root.Values.images.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Where rights are needed, as JSON: a list of namespaces for each part; an empty list means all of them. */}}
{{- define "pulse.scope" -}}
{{- $pipelines := .Values.namespaces | default (list .Release.Namespace) -}}
{{- if .Values.clusterWide -}}
{{- if .Values.namespaces -}}
{{- fail (printf "clusterWide keeps the pipelines of every namespace, so namespaces (%s) says nothing: unset one of the two." (join ", " .Values.namespaces)) -}}
{{- end -}}
{{- $pipelines = list -}}
{{- end -}}
{{- dict "pipelines" (uniq $pipelines) "kafka" (.Values.kafkaNamespaces | default $pipelines | uniq) "postgres" (.Values.postgresNamespaces | default $pipelines | uniq) | toJson -}}
{{- end }}

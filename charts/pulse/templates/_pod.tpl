{{/* What every Pod of the chart has in common. No service links: they would put variables of their own making that start with PULSE_ beside the settings, and an unknown one stops the start. */}}
{{- define "pulse.pod" -}}
enableServiceLinks: false
automountServiceAccountToken: true
securityContext:
  runAsNonRoot: true
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{/* What every container of the chart has in common: the operator's image, and no right on the node. */}}
{{- define "pulse.container" -}}
image: {{ include "pulse.image" (list . .Values.images.operator) | quote }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  readOnlyRootFilesystem: true
terminationMessagePolicy: FallbackToLogsOnError
resources: {{- toYaml .Values.operator.resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* The operator's settings; docs/reference/settings.md explains each. */}}
{{- define "pulse.env" -}}
{{- $scope := include "pulse.scope" . | fromJson -}}
- {name: PULSE_OPERATOR_NAMESPACE, value: {{ .Release.Namespace | quote }}}
- {name: PULSE_OPERATOR_NAMESPACES, value: {{ join "," $scope.pipelines | quote }}}
- {name: PULSE_OPERATOR_LEASE, value: {{ include "pulse.operator" . | quote }}}
- {name: PULSE_CONSUMER_IMAGE, value: {{ include "pulse.image" (list . .Values.images.consumer) | quote }}}
- {name: PULSE_SIMULATOR_IMAGE, value: {{ include "pulse.image" (list . .Values.images.simulator) | quote }}}
- {name: PULSE_TRANSFORM_IMAGE, value: {{ include "pulse.image" (list . .Values.images.transform) | quote }}}
- {name: PULSE_DASHBOARDS_IMAGE, value: {{ include "pulse.image" (list . .Values.images.dashboards) | quote }}}
- {name: PULSE_COLLECTOR_IMAGE, value: {{ include "pulse.image" (list . .Values.images.collector) | quote }}}
- {name: PULSE_IMAGE_PULL_POLICY, value: {{ .Values.images.pullPolicy | quote }}}
{{- with .Values.imagePullSecrets }}
{{- $names := list }}
{{- range . }}{{ $names = append $names .name }}{{ end }}
- {name: PULSE_IMAGE_PULL_SECRETS, value: {{ join "," $names | quote }}}
{{- end }}
- {name: PULSE_LAG_INTERVAL, value: {{ .Values.operator.lagInterval | quote }}}
- {name: PULSE_RESYNC_INTERVAL, value: {{ .Values.operator.resyncInterval | quote }}}
- {name: PULSE_RECONCILE_WORKERS, value: {{ .Values.operator.workers | quote }}}
- {name: PULSE_HEALTH_PORT, value: "8080"}
- {name: PULSE_LOG_LEVEL, value: {{ .Values.operator.logLevel | quote }}}
- {name: PULSE_LOG_FORMAT, value: {{ .Values.operator.logFormat | quote }}}
{{- end }}

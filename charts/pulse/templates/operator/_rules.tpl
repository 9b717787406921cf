{{/* Where pipelines are: the pipelines themselves, and everything that runs for them. */}}
{{- define "pulse.rules.pipelines" -}}
- apiGroups: [pulse.dev]
  resources: [pulsepipelines]
  verbs: [get, list, watch, patch]
- apiGroups: [pulse.dev]
  resources: [pulsepipelines/status]
  verbs: [patch]
# Asked for by API servers that check who may block the deletion of an owner.
- apiGroups: [pulse.dev]
  resources: [pulsepipelines/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, secrets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* Where Kafka is: topics and users; the Kafka itself is the platform's and is only read. */}}
{{- define "pulse.rules.kafka" -}}
- apiGroups: [kafka.strimzi.io]
  resources: [kafkas]
  verbs: [get, list, watch]
- apiGroups: [kafka.strimzi.io]
  resources: [kafkatopics, kafkausers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
{{- end }}

{{/* Where Postgres is: databases, roles and the Secrets with their passwords; the Cluster itself is only read. */}}
{{- define "pulse.rules.postgres" -}}
- apiGroups: [postgresql.cnpg.io]
  resources: [clusters]
  verbs: [get, list, watch]
- apiGroups: [postgresql.cnpg.io]
  resources: [databases, databaseroles]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}

{{/* In the release's own namespace: the Lease that whoever works on pipelines holds: the operator, then the drain. */}}
{{- define "pulse.rules.lease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "pulse.operator" . }}]
  verbs: [get, patch]
{{- end }}

{{/* In the release's own namespace, for the drain alone: stop the operator first. */}}
{{- define "pulse.rules.drain" -}}
- apiGroups: [apps]
  resources: [deployments]
  resourceNames: [{{ include "pulse.operator" . }}]
  verbs: [get, patch]
{{- end }}

{{/*
A role and its binding in one namespace, or in the whole cluster where the namespace is empty. Takes a dictionary: root,
part, component, namespace, rules, accounts. Two releases of one name may grant in the same third namespace, so names carry
the release's own.
*/}}
{{- define "pulse.grant" -}}
{{- $name := printf "%s-%s.%s" (include "pulse.fullname" .root) .part .root.Release.Namespace -}}
{{- $kind := "ClusterRole" -}}
{{- if .namespace }}{{ $kind = "Role" }}{{ end -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "pulse.labels" (list .root .component) | nindent 4 }}
rules: {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "pulse.labels" (list .root .component) | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ $kind }}, name: {{ $name }}}
subjects:
  {{- range .accounts }}
  - {kind: ServiceAccount, name: {{ . }}, namespace: {{ $.root.Release.Namespace }}}
  {{- end }}
{{ end }}

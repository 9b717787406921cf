{{/*
Whether the release brings the PulsePipeline definition: "yes", or "no" where the cluster already holds it.

An uninstall leaves the definition behind with the name of its release on it, and Helm refuses to touch what carries the
name of another release. So a definition of somebody else is left out as long as it is the very one of this chart. One
that differs stops the release with the commands that hand it over: an operator must never meet fields that it does not know.
*/}}
{{- define "pulse.crd.brought" -}}
{{- $live := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "pulsepipelines.pulse.dev" | default dict -}}
{{- $notes := dig "metadata" "annotations" dict $live -}}
{{- $owner := dict "name" (get $notes "meta.helm.sh/release-name") "namespace" (get $notes "meta.helm.sh/release-namespace") -}}
{{- $ours := and (eq $owner.name .Release.Name) (eq $owner.namespace .Release.Namespace) -}}
{{- if or (not $live) $ours -}}
yes
{{- else if eq (get $notes "pulse.dev/definition") (include "pulse.crd.digest" .) -}}
no
{{- else -}}
{{- fail (include "pulse.crd.refusal" (list . $owner)) -}}
{{- end -}}
{{- end }}

{{- define "pulse.crd.digest" -}}
{{ .Files.Get "files/pulsepipelines.yaml" | sha256sum | trunc 16 }}
{{- end }}

{{/* Takes (root, owner). */}}
{{- define "pulse.crd.refusal" -}}
{{- $root := index . 0 -}}
{{- $owner := index . 1 }}

The definition of PulsePipeline in this cluster is another than the one of this chart ({{ $root.Chart.Version }}), and it belongs to
{{- if $owner.name }} release {{ $owner.name }} in namespace {{ $owner.namespace }}.
{{- else }} no release of Helm.
{{- end }}
Either hand it to this release, which brings it up to date and leaves every pipeline as it is, and run the same helm command again
{{- /* Helm 4 applies server-side, where the fields still belong to whoever wrote them last. */}}
{{- if not (hasPrefix "v3." $root.Capabilities.HelmVersion.Version) }} with --force-conflicts{{ end }}:
{{ include "pulse.crd.adopt" $root }}
or leave it to its owner with --set crds.install=false.
{{- end }}

{{- define "pulse.crd.adopt" }}
  kubectl label crd pulsepipelines.pulse.dev --overwrite app.kubernetes.io/managed-by=Helm
  kubectl annotate crd pulsepipelines.pulse.dev --overwrite meta.helm.sh/release-name={{ .Release.Name }} meta.helm.sh/release-namespace={{ .Release.Namespace }}
{{ end }}

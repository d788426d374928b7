{{/* The name of the release's objects. */}}
{{- define "kube-lego.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "kube-lego" .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-kube-lego" (.Release.Name | trunc 35 | trimSuffix "-") -}}
{{- end -}}
{{- end }}

{{- define "kube-lego.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "kube-lego.fullname" .) -}}
{{- end }}

{{- define "kube-lego.accountSecret" -}}
{{- (.Values.settings | default dict).secretName | default "kube-lego-account" -}}
{{- end }}

{{/* Merged, so that no key is there twice, which strict field validation refuses. */}}
{{- define "kube-lego.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" "kube-lego"
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
-}}
{{- toYaml (merge $own (.Values.commonLabels | default dict)) -}}
{{- end }}

{{/* The selector of deploy/base, and of 2016: a selector cannot be changed, so another one could not take over from them. */}}
{{- define "kube-lego.selector" -}}
app: kube-lego
{{- end }}

{{/*
An object that no value changes, from a copy of the kustomize base (files/): with the names of this release.
Takes the context, the object and, for one in another namespace, that namespace.
*/}}
{{- define "kube-lego.object" -}}
{{- $context := index . 0 -}}
{{- $object := index . 1 -}}
{{- $fullname := include "kube-lego.fullname" $context -}}
{{- $metadata := $object.metadata -}}
{{- if and (has $object.kind (list "Role" "RoleBinding")) (eq $metadata.name "kube-lego") -}}
{{/* The names of the records are fixed, so is this one: helm refuses a second release in the namespace, which would stand by forever. */}}
{{- else -}}
{{- $_ := set $metadata "name" (printf "%s%s" $fullname (trimPrefix "kube-lego" $metadata.name)) -}}
{{- end -}}
{{- if or (hasKey $metadata "namespace") (eq 3 (len .)) -}}
{{- $_ := set $metadata "namespace" (eq 3 (len .) | ternary (last .) $context.Release.Namespace) -}}
{{- end -}}
{{- $_ := set $metadata "labels" (include "kube-lego.labels" $context | fromYaml) -}}
{{- with $object.roleRef -}}
{{- if not (and (eq .kind "Role") (eq .name "kube-lego")) -}}
{{- $_ := set . "name" (printf "%s%s" $fullname (trimPrefix "kube-lego" .name)) -}}
{{- end -}}
{{- end -}}
{{- range $object.subjects -}}
{{- $_ := set . "name" (include "kube-lego.serviceAccountName" $context) -}}
{{- $_ := set . "namespace" $context.Release.Namespace -}}
{{- end -}}
{{- if $object.spec -}}
{{- with $object.spec.policyName -}}
{{- $_ := set $object.spec "policyName" (printf "%s%s" $fullname (trimPrefix "kube-lego" .)) -}}
{{- end -}}
{{- with $object.spec.paramRef -}}
{{- $_ := set . "name" (include "kube-lego.serviceAccountName" $context) -}}
{{- $_ := set . "namespace" $context.Release.Namespace -}}
{{- end -}}
{{- end -}}
---
{{ toYaml $object }}
{{ end }}

{{/* The ConfigMap with the CA bundle; empty for none. */}}
{{- define "kube-lego.caBundle" -}}
{{- if .Values.caBundle.pem -}}
{{- include "kube-lego.fullname" . }}-ca-bundle
{{- else -}}
{{- .Values.caBundle.existingConfigMap -}}
{{- end -}}
{{- end }}

{{/* What kube-lego.io/object-labels and its like list: key=value, or the key alone where the value cannot stand in such a list. */}}
{{- define "kube-lego.listed" -}}
{{- $entries := list -}}
{{- range $key, $value := . -}}
{{- if or (contains "," $value) (ne $value (trim $value)) -}}
{{- $entries = append $entries $key -}}
{{- else -}}
{{- $entries = append $entries (printf "%s=%s" $key $value) -}}
{{- end -}}
{{- end -}}
{{- join "," $entries -}}
{{- end }}

{{/* A setting as the text of its variable. */}}
{{- define "kube-lego.setting" -}}
{{- if kindIs "string" . -}}
{{- . -}}
{{- else if kindIs "slice" . -}}
{{- join "," . -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end }}

{{/* Of the ServiceAccount: what the admission policies let kube-lego write, which is what it is set to. */}}
{{- define "kube-lego.accountAnnotations" -}}
{{- $settings := .Values.settings | default dict -}}
{{- toYaml (dict
  "kube-lego.io/service" (include "kube-lego.fullname" .)
  "kube-lego.io/account-secret" (include "kube-lego.accountSecret" .)
  "kube-lego.io/challenge-labels" (include "kube-lego.listed" $settings.challengeIngressLabels)
  "kube-lego.io/challenge-annotations" (include "kube-lego.listed" $settings.challengeIngressAnnotations)
  "kube-lego.io/object-labels" (include "kube-lego.listed" $settings.objectLabels)
  "kube-lego.io/object-annotations" (include "kube-lego.listed" $settings.objectAnnotations)
) -}}
{{- end }}

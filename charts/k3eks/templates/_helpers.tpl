{{- /* Name of the application in labels. */ -}}
{{- define "k3eks.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Name of the objects: the release's name, with the chart's name behind it where it isn't in there already. */ -}}
{{- define "k3eks.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "k3eks.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "k3eks.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Labels that never change over the life of a release. */ -}}
{{- define "k3eks.selectorLabels" -}}
app.kubernetes.io/name: {{ include "k3eks.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of every object. */ -}}
{{- define "k3eks.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "k3eks.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* Labels of the EKS API's pods: no selector of the operator's finds them, nor the other way round. */ -}}
{{- define "k3eks.apiSelectorLabels" -}}
app.kubernetes.io/name: {{ include "k3eks.name" . }}-api
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of the EKS API's own objects. */ -}}
{{- define "k3eks.apiLabels" -}}
{{ mergeOverwrite (include "k3eks.labels" . | fromYaml) (include "k3eks.apiSelectorLabels" . | fromYaml) (dict "app.kubernetes.io/component" "api") | toYaml }}
{{- end }}

{{- /* Name of the EKS API's Deployment, and of what is its alone. */ -}}
{{- define "k3eks.apiName" -}}
{{- printf "%s-api" (include "k3eks.fullname" . | trunc 59 | trimSuffix "-") }}
{{- end }}

{{- /* Name of the EKS API's ServiceAccount. */ -}}
{{- define "k3eks.apiServiceAccountName" -}}
{{- if .Values.api.serviceAccount.create }}
{{- default (include "k3eks.apiName" .) .Values.api.serviceAccount.name }}
{{- else }}
{{- required "api.serviceAccount.name is needed where api.serviceAccount.create is false" .Values.api.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* Labels of the registry's pods. */ -}}
{{- define "k3eks.registrySelectorLabels" -}}
app.kubernetes.io/name: {{ include "k3eks.name" . }}-registry
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Labels of the registry's own objects. */ -}}
{{- define "k3eks.registryLabels" -}}
{{ mergeOverwrite (include "k3eks.labels" . | fromYaml) (include "k3eks.registrySelectorLabels" . | fromYaml) (dict "app.kubernetes.io/component" "registry") | toYaml }}
{{- end }}

{{- /* Name of the registry's objects. */ -}}
{{- define "k3eks.registryName" -}}
{{- printf "%s-registry" (include "k3eks.fullname" . | trunc 47 | trimSuffix "-") }}
{{- end }}

{{- /* "true" where the API server has validating admission policies. */ -}}
{{- define "k3eks.policies" -}}
{{- if and .Values.admissionPolicies.enabled (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version) }}true{{ end }}
{{- end }}

{{- /* Name of the operator's ServiceAccount. */ -}}
{{- define "k3eks.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "k3eks.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* Image of the operator; a digest wins over a tag. */ -}}
{{- define "k3eks.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- /* "true" where the pod gets the Docker socket: with every provider that may run containers. */ -}}
{{- define "k3eks.docker" -}}
{{- if has .Values.operator.provider (list "auto" "k3d") }}true{{ end }}
{{- end }}

{{- /* "true" where the identity service is served. */ -}}
{{- define "k3eks.identity" -}}
{{- if and .Values.api.enabled .Values.identity.enabled }}true{{ end }}
{{- end }}

{{- /* What the operator does in the namespaces that it looks after. */ -}}
{{- define "k3eks.rules" -}}
- apiGroups: [eks.cattle.io]
  resources: [eksclusterconfigs]
  verbs: [get, list, watch, patch]
- apiGroups: [eks.cattle.io]
  resources: [eksclusterconfigs/status]
  verbs: [patch]
- apiGroups: [eks.cattle.io]
  resources: [eksclusterconfigs/finalizers]
  verbs: [update]
- apiGroups: [k3eks.io]
  resources: [nodegroups]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [k3eks.io]
  resources: [nodegroups/status]
  verbs: [patch]
- apiGroups: [k3eks.io]
  resources: [updates]
  verbs: [get, list, watch, create, delete]
- apiGroups: [k3eks.io]
  resources: [updates/status]
  verbs: [patch]
- apiGroups: [k3eks.io]
  resources: [fargateprofiles, podidentityassociations, accessentries, identityproviderconfigs, addons, capabilities, certificateauthorities, clusterinsights]
  verbs: [get, list, watch, patch]
# Those that EKS makes by itself, for who made a cluster and for the roles of its nodes.
- apiGroups: [k3eks.io]
  resources: [accessentries]
  verbs: [create, delete]
# The certificate authority that a cluster was made with, once there is another one.
- apiGroups: [k3eks.io]
  resources: [certificateauthorities]
  verbs: [create]
- apiGroups: [k3eks.io]
  resources: [fargateprofiles/status, podidentityassociations/status, accessentries/status, identityproviderconfigs/status, addons/status, capabilities/status, certificateauthorities/status, clusterinsights/status]
  verbs: [patch]
# Kubeconfigs of the child clusters, and the way from pods of the management cluster to a child's API server.
# Nothing is deleted by hand: these objects go with the cluster resource that owns them.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
# Certificate authorities of container registries, in ConfigMaps that clusters name.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.api.enabled }}
# Leave for the EKS API to read one kubeconfig after the other. What isn't the operator's own it can't give.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, create, patch]
{{- end }}
{{- end }}

{{- /* What the EKS API does: it reads the resources and writes what its callers ask for. It has no right on Secrets here: the operator lets
it read kubeconfigs one by one. */ -}}
{{- define "k3eks.apiRules" -}}
- apiGroups: [eks.cattle.io]
  resources: [eksclusterconfigs]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [k3eks.io]
  resources: [nodegroups]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [k3eks.io]
  resources: [updates]
  verbs: [get, list, watch, create, update]
- apiGroups: [k3eks.io]
  resources: [fargateprofiles, podidentityassociations, accessentries, identityproviderconfigs, eksanywheresubscriptions, addons, capabilities, certificateauthorities]
  verbs: [get, list, watch, create, update, delete]
- apiGroups: [k3eks.io]
  resources: [clusterinsights]
  verbs: [get, list, watch, create, update]
# The page shows a cluster's Events.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list]
{{- end }}

{{- /* Namespace that the EKS API makes clusters in. */ -}}
{{- define "k3eks.apiNamespace" -}}
{{- default (default "default" .Values.operator.watchNamespace) .Values.api.namespace }}
{{- end }}

{{- /* Not empty where the registry asks for credentials, which a key signs. */ -}}
{{- define "k3eks.registryKey" -}}
{{- if and .Values.registry.enabled (eq .Values.api.auth "strict") }}true{{ end }}
{{- end }}

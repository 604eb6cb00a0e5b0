{{- define "svc2ipt.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "svc2ipt" .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-svc2ipt" (.Release.Name | trunc 55 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "svc2ipt.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "svc2ipt.name" .) -}}
{{- end -}}

{{- define "svc2ipt.selector" -}}
app.kubernetes.io/name: svc2ipt
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "svc2ipt.labels" -}}
{{ include "svc2ipt.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "svc2ipt.image" -}}
{{- with .Values.image -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- with .digest }}{{ printf "@%s" . }}{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Where health is served: the port of healthzBindAddress. */ -}}
{{- define "svc2ipt.healthPort" -}}
{{- regexFind ":[0-9]+$" (.Values.configuration.healthzBindAddress | default "") | trimPrefix ":" | default "10256" -}}
{{- end -}}

{{- /* Where metrics are served; empty for kube-proxy's default, which only the node itself can reach. */ -}}
{{- define "svc2ipt.metricsAddress" -}}
{{- if .Values.configuration.metricsBindAddress -}}
{{- .Values.configuration.metricsBindAddress -}}
{{- else if .Values.podMonitor.enabled -}}
{{- ternary "[::]:10249" "0.0.0.0:10249" (contains ":" (.Values.configuration.bindAddress | default "")) -}}
{{- end -}}
{{- end -}}

{{- define "svc2ipt.metricsPort" -}}
{{- regexFind ":[0-9]+$" (include "svc2ipt.metricsAddress" .) | trimPrefix ":" | default "10249" -}}
{{- end -}}

{{- /* Fields with null are not set. */ -}}
{{- define "svc2ipt.given" -}}
{{- $given := dict -}}
{{- range $name, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}{{- $_ := set $given $name $value -}}{{- end -}}
{{- end -}}
{{- toYaml $given -}}
{{- end -}}

{{- /* What would not work, said before it is tried. */ -}}
{{- define "svc2ipt.check" -}}
{{- $configuration := .Values.configuration -}}
{{- if .Values.existingConfigMap -}}
{{- range $field := list "commandTimeout" "serviceMetrics" -}}
{{- if hasKey $.Values.svc2ipt $field -}}
{{- fail (printf "svc2ipt.%s has no option of the command line: write it into config.conf of the ConfigMap %s, in a second document (docs/input.md)" $field $.Values.existingConfigMap) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled (not $configuration.metricsBindAddress) -}}
{{- fail (printf "Prometheus reaches no metrics on 127.0.0.1: set metricsBindAddress in the ConfigMap %s, such as 0.0.0.0:10249, and configuration.metricsBindAddress to the same" .Values.existingConfigMap) -}}
{{- end -}}
{{- else -}}
{{- if not .Values.apiServer -}}
{{- fail "set apiServer to the address that nodes use, such as https://10.0.0.1:6443 (not a Service's), or existingConfigMap to kube-proxy's" -}}
{{- end -}}
{{- $mode := $configuration.detectLocalMode | default "ClusterCIDR" -}}
{{- if and (eq $mode "ClusterCIDR") (not $configuration.clusterCIDR) -}}
{{- fail "set configuration.clusterCIDR to the ranges of all Pods, such as 10.244.0.0/16, or another configuration.detectLocalMode" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled (regexMatch "^(127\\.|\\[?::1\\]?:|localhost)" (include "svc2ipt.metricsAddress" .)) -}}
{{- fail (printf "Prometheus reaches no metrics on %s: set configuration.metricsBindAddress to an address of the node, such as 0.0.0.0:10249" (include "svc2ipt.metricsAddress" .)) -}}
{{- end -}}
{{- $names := list -}}
{{- range (index (.Files.Get "files/alerts.yaml" | fromYaml) "groups") -}}
{{- range .rules -}}{{- $names = append $names .alert -}}{{- end -}}
{{- end -}}
{{- range concat .Values.alerts.disabled (keys .Values.alerts.changed) -}}
{{- if not (has . $names) -}}
{{- fail (printf "there is no alert %s; there are %s" . (join ", " $names)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

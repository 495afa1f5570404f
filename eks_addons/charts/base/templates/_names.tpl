{{- define "base.namespace" -}}
{{- ternary .root.Values.name .key (eq .key "cali") -}}
{{- end }}

{{- define "base.peer" -}}
{{- if .rule.nodes }}
{{- range .root.Values.nodes }}
- ipBlock:
    cidr: {{ . }}
{{- end }}
{{- else }}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ include "base.namespace" (dict "root" .root "key" .rule.namespace) }}
{{- end }}
{{- end }}

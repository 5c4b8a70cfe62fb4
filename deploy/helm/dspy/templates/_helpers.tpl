{{- define "dspy.labels" -}}
app.kubernetes.io/name: dspy
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

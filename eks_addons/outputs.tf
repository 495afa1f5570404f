# What a person needs next.

output "storage_class" {
  description = "The default storage class."
  value       = "${var.name}-${var.storage_type}"
}

output "open" {
  description = "How to look at what has a page. Nothing here is reachable from outside the cluster."
  value = {
    airflow = "kubectl -n airflow port-forward service/airflow-api-server 8080"
    grafana = "kubectl -n monitoring port-forward service/grafana 3000:80"
  }
}

output "charts" {
  description = "The version of each chart."
  value       = { for name, chart in local.charts : name => chart.version }
}

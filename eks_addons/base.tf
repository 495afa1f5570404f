# Default storage class, network policies, disruption budgets: charts/base. It comes before all others.

# ---------------------------------------------------------------- Facts

locals {
  base_values = {
    name    = var.name
    storage = { type = var.storage_type }
    nodes   = local.node_cidrs
  }
}

# ---------------------------------------------------------------- Resources

resource "helm_release" "base" {
  name      = "base"
  chart     = "${path.module}/charts/base"
  namespace = kubernetes_namespace_v1.main[var.name].metadata[0].name

  values = [
    file("${path.module}/base/values.yaml"),
    file("${path.module}/base/values-${var.environment}.yaml"),
    yamlencode(local.base_values),
  ]

  depends_on = [kubernetes_namespace_v1.main]
}

# The project's own workloads, the log generator and the worker: charts/cali.

# ---------------------------------------------------------------- Facts

locals {
  cali_values = {
    logGenerator = {
      enabled = var.log_generator
      image   = "${local.repositories["log-generator"]}:${var.image_tag}"
    }
    consumer = {
      enabled = var.consumer
      image   = "${local.repositories["consumer"]}:${var.image_tag}"
      serviceAccount = {
        name        = local.accounts.consumer.name
        annotations = { "eks.amazonaws.com/role-arn" = local.accounts.consumer.role_arn }
      }
      environment = merge(local.settings, local.region)
    }
  }
}

# ---------------------------------------------------------------- Resources

resource "helm_release" "cali" {
  name      = "cali"
  chart     = "${path.module}/charts/cali"
  namespace = kubernetes_namespace_v1.main[var.name].metadata[0].name

  values = [
    file("${path.module}/log_generator/values.yaml"),
    file("${path.module}/log_generator/values-${var.environment}.yaml"),
    file("${path.module}/consumer/values.yaml"),
    file("${path.module}/consumer/values-${var.environment}.yaml"),
    yamlencode(local.cali_values),
  ]

  depends_on = [helm_release.base, helm_release.milvus]
}

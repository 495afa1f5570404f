# Milvus standalone, behind the node port that the first root's balancer forwards to.

# ---------------------------------------------------------------- Facts

locals {
  milvus_values = {
    # A changed password or revision is a new pod.
    annotations = { "cali/secrets-revision" = tostring(var.secrets_revision) }
  }
}

# ---------------------------------------------------------------- Resources

resource "helm_release" "milvus" {
  name       = "milvus"
  repository = local.charts.milvus.repository
  chart      = "milvus"
  version    = local.charts.milvus.version
  namespace  = kubernetes_namespace_v1.main["milvus"].metadata[0].name
  timeout    = 900

  values = [
    file("${path.module}/milvus/values.yaml"),
    file("${path.module}/milvus/values-${var.environment}.yaml"),
    yamlencode(local.milvus_values),
  ]

  depends_on = [helm_release.base, kubernetes_secret_v1.milvus]
}

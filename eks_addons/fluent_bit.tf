# Fluent Bit: containers' lines to the log stream.

# ---------------------------------------------------------------- Facts

locals {
  fluent_bit_files = { for file in ["fluent-bit.yaml", "parsers.conf"] : file => file("${path.module}/fluent_bit/${file}") }

  fluent_bit_values = {
    serviceAccount = {
      name        = local.accounts.fluent-bit.name
      annotations = { "eks.amazonaws.com/role-arn" = local.accounts.fluent-bit.role_arn }
    }
    env = [ # EKS sets the region as well, but no node should depend on its webhook
      { name = "AWS_REGION", value = var.region },
      { name = "CALI_LOG_STREAM", value = local.base.logs_stream.name },
    ]
    podAnnotations = {
      "fluentbit.io/exclude" = "true"
      "checksum/files"       = sha256(jsonencode(local.fluent_bit_files)) # a changed file is a new pod
    }
  }
}

# ---------------------------------------------------------------- Resources

resource "kubernetes_config_map_v1" "fluent_bit" {
  metadata {
    name      = "fluent-bit-config"
    namespace = kubernetes_namespace_v1.main["logging"].metadata[0].name
  }

  data = local.fluent_bit_files
}

resource "helm_release" "fluent_bit" {
  name       = "fluent-bit"
  repository = local.charts.fluent-bit.repository
  chart      = "fluent-bit"
  version    = local.charts.fluent-bit.version
  namespace  = kubernetes_namespace_v1.main["logging"].metadata[0].name

  values = [
    file("${path.module}/fluent_bit/values.yaml"),
    file("${path.module}/fluent_bit/values-${var.environment}.yaml"),
    yamlencode(local.fluent_bit_values),
  ]

  depends_on = [helm_release.base, kubernetes_config_map_v1.fluent_bit]
}

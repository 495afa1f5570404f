# Grafana: data sources and dashboards as code. The folder grafana/ holds both.

# ---------------------------------------------------------------- Facts

locals {
  dashboards = { for file in fileset("${path.module}/grafana/dashboards", "*.json") : file => file("${path.module}/grafana/dashboards/${file}") }

  grafana_image = regex("^(?P<registry>[^/]+)/(?P<repository>.+)$", local.repositories["grafana-custom"])

  grafana_values = {
    image = merge(local.grafana_image, { tag = var.image_tag })
    serviceAccount = {
      name        = local.accounts.grafana.name
      annotations = { "eks.amazonaws.com/role-arn" = local.accounts.grafana.role_arn }
    }
    # grafana/values.yaml names these in its data sources.
    env = {
      AWS_REGION       = var.region
      OPENSEARCH_URL   = local.base.search.endpoint
      OPENSEARCH_INDEX = "${local.base.search.index}*"
    }
    dashboardsConfigMaps = { cali = "cali-dashboards" }
    podAnnotations = { # a changed file or secret is a new pod
      "checksum/dashboards"   = sha256(jsonencode(local.dashboards))
      "cali/secrets-revision" = tostring(var.secrets_revision)
    }
  }
}

# ---------------------------------------------------------------- Resources

resource "kubernetes_config_map_v1" "dashboards" {
  metadata {
    name      = "cali-dashboards"
    namespace = kubernetes_namespace_v1.main["monitoring"].metadata[0].name
  }

  data = local.dashboards
}

resource "helm_release" "grafana" {
  name       = "grafana"
  repository = local.charts.grafana.repository
  chart      = "grafana"
  version    = local.charts.grafana.version
  namespace  = kubernetes_namespace_v1.main["monitoring"].metadata[0].name

  values = [
    file("${path.module}/grafana/values.yaml"),
    file("${path.module}/grafana/values-${var.environment}.yaml"),
    yamlencode(local.grafana_values),
  ]

  depends_on = [helm_release.base, kubernetes_config_map_v1.dashboards, kubernetes_secret_v1.grafana]
}

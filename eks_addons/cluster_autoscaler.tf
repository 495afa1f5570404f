# The cluster-autoscaler: nodes when pods wait, fewer when they are idle.

# ---------------------------------------------------------------- Facts

locals {
  cluster_autoscaler_values = {
    awsRegion     = var.region
    image         = { tag = local.autoscaler_images[local.base.cluster.version] }
    autoDiscovery = { clusterName = local.base.cluster.name }
    rbac = { serviceAccount = {
      name        = local.accounts.cluster-autoscaler.name
      annotations = { "eks.amazonaws.com/role-arn" = local.accounts.cluster-autoscaler.role_arn }
    } }
  }
}

# ---------------------------------------------------------------- Resources

resource "helm_release" "cluster_autoscaler" {
  name       = "cluster-autoscaler"
  repository = local.charts.cluster-autoscaler.repository
  chart      = "cluster-autoscaler"
  version    = local.charts.cluster-autoscaler.version
  namespace  = local.accounts.cluster-autoscaler.namespace

  values = [
    file("${path.module}/cluster_autoscaler/values.yaml"),
    file("${path.module}/cluster_autoscaler/values-${var.environment}.yaml"),
    yamlencode(local.cluster_autoscaler_values),
  ]
}

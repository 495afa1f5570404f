# The add-ons that EKS itself manages. Helm charts are the other root's, eks_addons/.

# ---------------------------------------------------------------- Facts

locals {
  # Nodes are not ready without these, so they come first.
  addons_before_nodes = {
    kube-proxy = { role = null, settings = null }
    vpc-cni = {
      role = "vpc-cni"
      settings = jsonencode({
        enableNetworkPolicy = "true"
        env                 = { ENABLE_PREFIX_DELEGATION = "true", WARM_PREFIX_TARGET = "1" }
      })
    }
  }

  # These run on nodes and would wait for them in vain.
  addons_after_nodes = {
    coredns            = { role = null }
    aws-ebs-csi-driver = { role = "ebs-csi" }
  }
}

# ---------------------------------------------------------------- Resources

resource "aws_eks_addon" "before_nodes" {
  for_each = local.addons_before_nodes

  cluster_name                = aws_eks_cluster.main.name
  addon_name                  = each.key
  configuration_values        = each.value.settings
  service_account_role_arn    = each.value.role == null ? null : module.service_account[each.value.role].arn
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
}

resource "aws_eks_addon" "after_nodes" {
  for_each = local.addons_after_nodes

  cluster_name                = aws_eks_cluster.main.name
  addon_name                  = each.key
  service_account_role_arn    = each.value.role == null ? null : module.service_account[each.value.role].arn
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  depends_on = [aws_eks_node_group.state]
}

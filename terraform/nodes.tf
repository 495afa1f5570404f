# Two node groups: on demand for what keeps state, spot for what may be stopped at any time.

# ---------------------------------------------------------------- Settings

variable "state_nodes" {
  description = "On-demand nodes for Milvus, PostgreSQL, Grafana and all that is not told to go elsewhere."
  type = object({
    instance_type = optional(string, "t3.medium")
    min           = optional(number, 2)
    max           = optional(number, 4)
    disk_gb       = optional(number, 30)
  })
  default = {}

  validation {
    condition     = var.state_nodes.min >= 1 && var.state_nodes.min <= var.state_nodes.max
    error_message = "state_nodes: min must be at least 1 and not above max."
  }

  validation {
    condition     = var.state_nodes.disk_gb >= 20
    error_message = "state_nodes: disk_gb must be at least 20, the size of the node image."
  }
}

variable "spot_nodes" {
  description = "Spot nodes for what survives a two-minute notice: the log generator and Airflow's tasks. Zero until something asks; max 0 leaves the group out."
  type = object({
    instance_types = optional(list(string), ["t3.medium", "t3a.medium", "m5.large", "m6i.large"])
    min            = optional(number, 0)
    max            = optional(number, 2)
    disk_gb        = optional(number, 30)
  })
  default = {}

  validation {
    condition     = var.spot_nodes.min >= 0 && var.spot_nodes.min <= var.spot_nodes.max
    error_message = "spot_nodes: min must not be negative nor above max."
  }

  validation {
    condition     = length(var.spot_nodes.instance_types) >= 2
    error_message = "spot_nodes: name at least two instance_types, or one shortage stops them all."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  node_groups = merge(
    { state = var.state_nodes.disk_gb },
    var.spot_nodes.max > 0 ? { spot = var.spot_nodes.disk_gb } : {},
  )

  # With prefixes a node has addresses for 110 pods; its kubelet would still count network cards and stop at 17.
  node_config = <<-EOT
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="//"

    --//
    Content-Type: application/node.eks.aws

    apiVersion: node.eks.aws/v1alpha1
    kind: NodeConfig
    spec:
      kubelet:
        config:
          maxPods: 110

    --//--
  EOT
}

# ---------------------------------------------------------------- Resources

resource "aws_launch_template" "node" {
  for_each = local.node_groups

  name      = "${local.names.cluster}-${each.key}"
  user_data = base64encode(local.node_config)

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size           = each.value
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # pods take roles by their service account, never the node's
    http_endpoint               = "enabled"
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume"])

    content {
      resource_type = tag_specifications.key
      tags          = { Name = "${local.names.cluster}-${each.key}", Project = var.name }
    }
  }
}

resource "aws_eks_node_group" "state" {
  cluster_name    = aws_eks_cluster.main.name
  node_group_name = "state"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = [for zone in local.zones : aws_subnet.private[zone].id]
  ami_type        = "AL2023_x86_64_STANDARD"
  capacity_type   = "ON_DEMAND"
  instance_types  = [var.state_nodes.instance_type]
  labels          = { role = "state" }

  launch_template {
    id      = aws_launch_template.node["state"].id
    version = aws_launch_template.node["state"].latest_version
  }

  scaling_config {
    desired_size = var.state_nodes.min
    min_size     = var.state_nodes.min
    max_size     = var.state_nodes.max
  }

  update_config {
    max_unavailable = 1
  }

  depends_on = [aws_eks_addon.before_nodes, aws_iam_role_policy_attachment.node]

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size] # the autoscaler's to change
  }
}

resource "aws_eks_node_group" "spot" {
  count = var.spot_nodes.max > 0 ? 1 : 0

  cluster_name    = aws_eks_cluster.main.name
  node_group_name = "spot"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = [for zone in local.zones : aws_subnet.private[zone].id]
  ami_type        = "AL2023_x86_64_STANDARD"
  capacity_type   = "SPOT"
  instance_types  = var.spot_nodes.instance_types
  labels          = { role = "spot" }

  launch_template {
    id      = aws_launch_template.node["spot"].id
    version = aws_launch_template.node["spot"].latest_version
  }

  scaling_config {
    desired_size = var.spot_nodes.min
    min_size     = var.spot_nodes.min
    max_size     = var.spot_nodes.max
  }

  taint { # only what says it may be stopped comes here
    key    = "spot"
    value  = "true"
    effect = "NO_SCHEDULE"
  }

  update_config {
    max_unavailable = 1
  }

  depends_on = [aws_eks_addon.before_nodes, aws_iam_role_policy_attachment.node]

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size]
  }
}

# The EKS control plane, who may reach it, and who may use it.

# ---------------------------------------------------------------- Settings

variable "cluster_version" {
  description = "The Kubernetes version. It must be in standard support: extended support costs six times as much."
  type        = string
  default     = "1.35"

  validation {
    condition     = contains(["1.34", "1.35", "1.36"], var.cluster_version)
    error_message = "cluster_version must be 1.34, 1.35 or 1.36, the versions in standard support in November 2026."
  }
}

variable "cluster_public_cidrs" {
  description = "Where kubectl and helm may reach the API from. Empty leaves the private endpoint alone."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.cluster_public_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "cluster_public_cidrs must be address blocks such as 203.0.113.7/32; the whole internet (/0) is refused."
  }
}

variable "team_members_arns" {
  description = "IAM users and roles of the team that get access to the cluster. Kept in terraform.tfvars, which is not committed."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.team_members_arns : can(regex("^arn:aws:iam::[0-9]{12}:(user|role)/[A-Za-z0-9+=,.@_/-]+$", arn))])
    error_message = "team_members_arns must be ARNs of IAM users or roles, such as arn:aws:iam::111122223333:user/kim; an assumed-role or account ARN is refused."
  }

  validation {
    condition     = length(distinct(var.team_members_arns)) == length(var.team_members_arns)
    error_message = "team_members_arns names somebody twice."
  }
}

variable "team_members_policy" {
  description = "What a team member may do in the cluster."
  type        = string
  default     = "AmazonEKSClusterAdminPolicy"

  validation {
    condition = contains(
      ["AmazonEKSClusterAdminPolicy", "AmazonEKSAdminPolicy", "AmazonEKSEditPolicy", "AmazonEKSViewPolicy"], var.team_members_policy
    )
    error_message = "team_members_policy must be AmazonEKSClusterAdminPolicy, AmazonEKSAdminPolicy, AmazonEKSEditPolicy or AmazonEKSViewPolicy."
  }
}

# ---------------------------------------------------------------- Resources

# Made before the cluster, or EKS would make it without an end to what it keeps.
resource "aws_cloudwatch_log_group" "cluster" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts it with its own key
  #checkov:skip=CKV_AWS_338:30 days of audit; longer costs more than the cluster's control plane
  name              = "/aws/eks/${local.names.cluster}/cluster"
  retention_in_days = 30
}

resource "aws_eks_cluster" "main" {
  #checkov:skip=CKV_AWS_37:api, audit and authenticator as designed; scheduler and controllerManager tell a team nothing for their price
  name     = local.names.cluster
  role_arn = aws_iam_role.cluster.arn
  version  = var.cluster_version

  bootstrap_self_managed_addons = false # addons.tf installs them
  enabled_cluster_log_types     = ["api", "audit", "authenticator"]

  access_config {
    authentication_mode                         = "API_AND_CONFIG_MAP"
    bootstrap_cluster_creator_admin_permissions = length(var.team_members_arns) == 0 # or nobody could get in
  }

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = aws_kms_key.main.arn
    }
  }

  upgrade_policy {
    support_type = "STANDARD"
  }

  vpc_config {
    subnet_ids              = [for zone in local.zones : aws_subnet.private[zone].id]
    endpoint_private_access = true
    endpoint_public_access  = length(var.cluster_public_cidrs) > 0
    public_access_cidrs     = length(var.cluster_public_cidrs) > 0 ? var.cluster_public_cidrs : null
  }

  depends_on = [
    aws_cloudwatch_log_group.cluster, aws_iam_role_policy.cluster, aws_iam_role_policy_attachment.cluster
  ]

  lifecycle {
    # It counts at creation only, and a change would replace the cluster.
    ignore_changes = [access_config[0].bootstrap_cluster_creator_admin_permissions]
  }
}

# ---------------------------------------------------------------- Access

resource "aws_eks_access_entry" "member" {
  for_each = toset(var.team_members_arns)

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = each.key
}

resource "aws_eks_access_policy_association" "member" {
  for_each = aws_eks_access_entry.member

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = each.value.principal_arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/${var.team_members_policy}"

  access_scope {
    type = "cluster"
  }
}

resource "aws_iam_role" "cluster" {
  name        = "${var.name}-eks-cluster"
  description = "The EKS control plane"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
    }]
  })

  permissions_boundary = local.arns.boundary["cluster"]

  depends_on = [aws_iam_policy.boundary]
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role_policy" "cluster" {
  name = "encrypt-secrets"
  role = aws_iam_role.cluster.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "EncryptSecrets"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ListGrants"]
      Resource = aws_kms_key.main.arn
    }]
  })
}

# ---------------------------------------------------------------- Outputs

output "cluster" {
  description = "The cluster, as the add-ons need it."
  value = {
    name       = aws_eks_cluster.main.name
    endpoint   = aws_eks_cluster.main.endpoint
    ca         = aws_eks_cluster.main.certificate_authority[0].data
    version    = aws_eks_cluster.main.version
    kubeconfig = "aws eks update-kubeconfig --region ${var.region} --name ${aws_eks_cluster.main.name}"
  }
}

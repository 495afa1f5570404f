# What GitHub's workflows may do, without a stored key: look (pull requests), raise infrastructure, release the app.

# ---------------------------------------------------------------- Settings

variable "github_repository" {
  description = "owner/name of the repository whose workflows may take these roles. Empty makes none of them."
  type        = string
  default     = ""

  validation {
    condition     = var.github_repository == "" || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be owner/name, such as acme/cali."
  }
}

variable "github_environment" {
  description = "The GitHub environment that raising and releasing run in. Its reviewers are who approves a change."
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+$", var.github_environment))
    error_message = "github_environment must be letters, digits, hyphens and underscores."
  }
}

variable "github_provider_arn" {
  description = "GitHub's OIDC provider, if the account has one already: it can have no second. Empty makes it."
  type        = string
  default     = ""

  validation {
    condition     = var.github_provider_arn == "" || can(regex("^arn:aws:iam::[0-9]{12}:oidc-provider/token.actions.githubusercontent.com$", var.github_provider_arn))
    error_message = "github_provider_arn must be the ARN of the provider token.actions.githubusercontent.com."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  github_issuer   = "token.actions.githubusercontent.com"
  github_provider = var.github_provider_arn != "" ? var.github_provider_arn : "arn:aws:iam::${local.account}:oidc-provider/${local.github_issuer}"

  pipeline_subjects = var.github_repository == "" ? {} : {
    # pull requests; what main would change, for reviewers of an apply and each night
    plan    = ["repo:${var.github_repository}:pull_request", "repo:${var.github_repository}:ref:refs/heads/main"]
    apply   = ["repo:${var.github_repository}:environment:${var.github_environment}"]
    release = ["repo:${var.github_repository}:environment:${var.github_environment}"]
  }

  pipeline_policies = { for name, grant in local.pipeline_grants : name => grant if var.github_repository != "" }
}

# ---------------------------------------------------------------- Resources

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github_repository != "" && var.github_provider_arn == "" ? 1 : 0

  url            = "https://${local.github_issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "pipeline" {
  for_each = local.pipeline_subjects

  name        = "${var.name}-pipeline-${each.key}"
  description = "GitHub workflows of ${var.github_repository}: ${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.github_provider }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = { "${local.github_issuer}:aud" = "sts.amazonaws.com", "${local.github_issuer}:sub" = each.value } }
    }]
  })

  depends_on = [aws_iam_openid_connect_provider.github]
}

# Policies of their own, for a role's inline ones share 10,240 characters.
resource "aws_iam_policy" "pipeline" {
  for_each = local.pipeline_policies

  name   = "${var.name}-pipeline-${each.key}"
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value.statements })
}

resource "aws_iam_role_policy_attachment" "pipeline" {
  for_each = local.pipeline_policies

  role       = aws_iam_role.pipeline[each.value.role].name
  policy_arn = aws_iam_policy.pipeline[each.key].arn
}

# A plan reads what every resource is; the policy beside this one denies what is in them.
resource "aws_iam_role_policy_attachment" "pipeline_reads" {
  for_each = toset([for role in ["plan", "apply"] : role if var.github_repository != ""])

  role       = aws_iam_role.pipeline[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

# The pipeline installs add-ons, so it needs the cluster as a member does.
resource "aws_eks_access_entry" "pipeline" {
  count = var.github_repository == "" ? 0 : 1

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = aws_iam_role.pipeline["apply"].arn
}

resource "aws_eks_access_policy_association" "pipeline" {
  count = var.github_repository == "" ? 0 : 1

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = aws_eks_access_entry.pipeline[0].principal_arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope {
    type = "cluster"
  }
}

# ---------------------------------------------------------------- Outputs

output "pipeline_roles" {
  description = "The roles that GitHub's workflows name."
  value       = { for role, resource in aws_iam_role.pipeline : role => resource.arn }
}

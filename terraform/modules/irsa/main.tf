# A role that one service account of the cluster may take, and nothing else may.

# ---------------------------------------------------------------- Settings

variable "name" {
  description = "The role's name."
  type        = string
}

variable "namespace" {
  description = "The namespace of the service account."
  type        = string
}

variable "service_account" {
  description = "The service account."
  type        = string
}

variable "provider_arn" {
  description = "The cluster's OIDC provider."
  type        = string
}

variable "issuer" {
  description = "The cluster's OIDC issuer, without https://."
  type        = string
}

variable "policy" {
  description = "What the role may do, as JSON; null grants nothing of its own."
  type        = string
  default     = null
}

variable "boundary" {
  description = "The permissions boundary: the most that the role may do."
  type        = string
}

variable "managed_policies" {
  description = "Policies of AWS that the role takes as they are, by a name of ours."
  type        = map(string)
  default     = {}
}

# ---------------------------------------------------------------- Resources

resource "aws_iam_role" "this" {
  name        = var.name
  description = "For the service account ${var.namespace}/${var.service_account}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = var.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${var.issuer}:aud" = "sts.amazonaws.com"
        "${var.issuer}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account}"
      } }
    }]
  })

  permissions_boundary = var.boundary
}

resource "aws_iam_role_policy" "this" {
  count = var.policy == null ? 0 : 1

  name   = "grants"
  role   = aws_iam_role.this.name
  policy = var.policy
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = var.managed_policies

  role       = aws_iam_role.this.name
  policy_arn = each.value
}

# ---------------------------------------------------------------- Outputs

output "arn" {
  description = "What the service account's annotation eks.amazonaws.com/role-arn names."
  value       = aws_iam_role.this.arn
}

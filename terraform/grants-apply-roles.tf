# Permissions of the role that applies, on roles: only those that this root names, only under their boundary, and never its own kind.

# ---------------------------------------------------------------- Facts

locals {
  own_roles = { for kind, names in local.boundary_roles : kind => [for name in names : "${local.arns.role}-${name}"] }

  passed_roles = { # to which service -> which roles
    ec2      = ["eks-node"]
    eks      = local.cluster_roles
    firehose = [for target in keys(local.delivery_grants) : "firehose-${target}"]
  }

  apply_roles = concat(
    # AWS knows this condition for these calls alone.
    [for kind, roles in local.own_roles : {
      Sid    = "${title(kind)}Roles"
      Effect = "Allow"
      Action = [
        "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
      ]
      Resource  = roles
      Condition = { StringEquals = { "iam:PermissionsBoundary" = local.arns.boundary[kind] } }
    }],
    # It cannot be asked for here. So the roles are named, and each of them has its boundary.
    [{
      Sid      = "TrustOfRoles"
      Effect   = "Allow"
      Action   = ["iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRoleDescription"]
      Resource = flatten(values(local.own_roles))
    }],
    [for service, roles in local.passed_roles : {
      Sid       = "PassTo${title(service)}"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = [for role in roles : "${local.arns.role}-${role}"]
      Condition = { StringEquals = { "iam:PassedToService" = "${service}.amazonaws.com" } }
    }],
    [
      {
        Sid      = "TrustCluster"
        Effect   = "Allow"
        Action   = ["iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"]
        Resource = "arn:aws:iam::${local.account}:oidc-provider/oidc.eks.${var.region}.amazonaws.com/*"
      },
      {
        Sid      = "ForgetCluster"
        Effect   = "Allow"
        Action   = "iam:DeleteOpenIDConnectProvider"
        Resource = aws_iam_openid_connect_provider.cluster.arn
      },
      { # what limits it, a person changes
        Sid    = "NeverItself"
        Effect = "Deny"
        Action = [
          "iam:AttachRolePolicy", "iam:CreatePolicy*", "iam:DeletePolicy*", "iam:DeleteRole*", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
          "iam:PutRolePolicy", "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole*",
        ]
        Resource = ["${local.arns.role}-pipeline-*", "arn:aws:iam::${local.account}:policy/${var.name}-*"]
      },
      {
        Sid      = "NeverAnother"
        Effect   = "Deny"
        Action   = ["iam:DeleteRolePermissionsBoundary", "sts:AssumeRole"]
        Resource = "*"
      },
    ],
  )
}

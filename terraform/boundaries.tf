# Permissions boundaries: what the roles of this installation may do at most, whoever writes their policies. A boundary grants
# nothing. The role that applies may make and change roles only under one of these, and cannot change a boundary.

# ---------------------------------------------------------------- Facts

locals {
  # Roles that need policies of AWS on resources whose names AWS or Kubernetes chooses.
  cluster_roles = concat(["eks-cluster", "eks-node"], [for name, account in local.service_accounts : name if length(account.managed) > 0])

  workload_roles = concat(
    tolist(local.functions), [for target in keys(local.delivery_grants) : "firehose-${target}"],
    [for name, account in local.service_accounts : name if length(account.managed) == 0],
  )

  boundary_roles = { cluster = local.cluster_roles, workload = local.workload_roles }

  # The union of what they are granted, by service and by whether AWS knows a resource for the call.
  granted = distinct(concat(["trace"], flatten([
    values(local.function_grants), values(local.delivery_grants), [for account in local.service_accounts : account.grants]
  ])))

  workload_grants = concat(flatten([for grant in local.granted : local.grants[grant]]), [{
    Sid      = "LogOwnWork"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = [for name in local.function_names : "arn:aws:logs:${local.here}:log-group:/aws/lambda/${name}:*"]
  }])

  granted_services = { for grant in local.workload_grants :
    "${split(":", flatten([grant.Action])[0])[0]} ${contains(flatten([grant.Resource]), "*")}" => grant...
  }

  boundaries = {
    workload = [for service, grants in local.granted_services : {
      Effect   = "Allow"
      Action   = sort(distinct(flatten(grants[*].Action)))
      Resource = sort(distinct([for arn in flatten(grants[*].Resource) : startswith(arn, "${local.arns.bucket}/") ? "${local.arns.bucket}/*" : arn]))
    }]

    runner = local.runner_grants

    cluster = [
      {
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "autoscaling:DescribeAutoScalingGroups", "ec2:Describe*", "ecr:GetAuthorizationToken", "eks:DescribeCluster",
          "elasticloadbalancing:Describe*", "kms:DescribeKey",
        ]
        Resource = "*"
      },
      {
        Sid      = "Images"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:BatchImportUpstreamImage", "ecr:GetDownloadUrlForLayer"]
        Resource = "arn:aws:ecr:*:*:repository/*" # EKS keeps the images of its own add-ons in accounts of its own
      },
      {
        Sid    = "NetworkAndVolumes"
        Effect = "Allow"
        Action = [
          "ec2:*PrivateIpAddresses", "ec2:AttachNetworkInterface", "ec2:AttachVolume", "ec2:AuthorizeSecurityGroupIngress", "ec2:CopyVolumes",
          "ec2:CreateNetworkInterface", "ec2:CreateRoute", "ec2:CreateSecurityGroup", "ec2:CreateSnapshot", "ec2:CreateVolume",
          "ec2:DeleteNetworkInterface", "ec2:DeleteRoute", "ec2:DeleteSecurityGroup", "ec2:DeleteSnapshot", "ec2:DeleteTags",
          "ec2:DeleteVolume", "ec2:DetachNetworkInterface", "ec2:DetachVolume", "ec2:EnableFastSnapshotRestores", "ec2:LockSnapshot",
          "ec2:ModifyNetworkInterfaceAttribute", "ec2:ModifyVolume", "ec2:RevokeSecurityGroupIngress",
        ]
        Resource = [for kind in ["instance", "network-interface", "route-table", "security-group", "snapshot", "subnet", "volume", "vpc"] :
          "arn:aws:ec2:${var.region}:*:${kind}/*"
        ]
      },
      { # never a launch template: who may tag one could make it look like ours, and write what its machines run
        Sid      = "Tags"
        Effect   = "Allow"
        Action   = "ec2:CreateTags"
        Resource = [for kind in ["network-interface", "security-group", "snapshot", "volume"] : "arn:aws:ec2:${var.region}:*:${kind}/*"]
      },
      { # user data is an attribute too, so other people's machines are out of reach
        Sid       = "OwnNodes"
        Effect    = "Allow"
        Action    = "ec2:ModifyInstanceAttribute"
        Resource  = "arn:aws:ec2:${local.here}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/kubernetes.io/cluster/${local.names.cluster}" = "owned" } }
      },
      {
        Sid    = "Balancers"
        Effect = "Allow"
        Action = [
          "autoscaling:UpdateAutoScalingGroup", "elasticloadbalancing:A*", "elasticloadbalancing:C*", "elasticloadbalancing:D*",
          "elasticloadbalancing:Modify*", "elasticloadbalancing:Register*", "elasticloadbalancing:SetLoadBalancerPolicies*",
        ]
        Resource = ["arn:aws:autoscaling:${local.here}:autoScalingGroup:*", "arn:aws:elasticloadbalancing:${local.here}:*"]
      },
      {
        Sid       = "BalancersRole"
        Effect    = "Allow"
        Action    = "iam:CreateServiceLinkedRole"
        Resource  = "*"
        Condition = { StringEquals = { "iam:AWSServiceName" = "elasticloadbalancing.amazonaws.com" } }
      },
      {
        Sid      = "PodIdentity"
        Effect   = "Allow"
        Action   = "eks-auth:AssumeRoleForPodIdentity"
        Resource = "arn:aws:eks:${local.here}:cluster/${local.names.cluster}"
      },
      {
        Sid      = "EncryptSecrets"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:Encrypt", "kms:ListGrants"]
        Resource = aws_kms_key.main.arn
      },
    ]
  }
}

# ---------------------------------------------------------------- Resources

resource "aws_iam_policy" "boundary" {
  for_each = { for kind, statements in local.boundaries : kind => statements if kind != "runner" || length(local.runner) > 0 }

  name        = "${var.name}-boundary-${each.key}"
  description = "The most that roles of the ${each.key} may do; a boundary, it grants nothing"
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

# Permissions of the pipeline's roles: verbs of one service each, on what bears this installation's name.

# ---------------------------------------------------------------- Facts

locals {
  own_role      = "${local.arns.role}-*"
  drawn_secrets = [for secret in ["airflow", "grafana", "milvus", "opensearch"] : local.arns.secret[secret]]

  pipeline_grants = {
    plan = { role = "plan", statements = concat(local.pipeline_state, local.deny_data, [{
      Sid      = "NoSecret"
      Effect   = "Deny"
      Action   = "secretsmanager:GetSecretValue"
      Resource = "*"
    }]) }

    apply-state = { role = "apply", statements = concat(local.pipeline_state, local.deny_data, [
      {
        Sid      = "WriteState"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:PutObject"]
        Resource = "${local.arns.state}/*"
      },
      { # `make infra` and `make addons` draw these and put them where they are used
        Sid      = "SecretsThatAreDrawn"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
        Resource = local.drawn_secrets
      },
      {
        Sid         = "NoOtherSecret"
        Effect      = "Deny"
        Action      = "secretsmanager:GetSecretValue"
        NotResource = local.drawn_secrets
      },
    ]) }

    apply-network = { role = "apply", statements = [{
      Sid    = "Network"
      Effect = "Allow"
      Action = [
        "ec2:AllocateAddress", "ec2:Associate*", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroup*", "ec2:CreateFlowLogs",
        "ec2:CreateInternetGateway", "ec2:CreateLaunchTemplate*", "ec2:CreateNatGateway", "ec2:CreateRoute", "ec2:CreateRouteTable",
        "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateTags", "ec2:CreateVpc", "ec2:CreateVpcEndpoint", "ec2:DeleteFlowLogs",
        "ec2:DeleteInternetGateway", "ec2:DeleteLaunchTemplate*", "ec2:DeleteNatGateway", "ec2:DeleteRoute", "ec2:DeleteRouteTable",
        "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints",
        "ec2:DetachInternetGateway", "ec2:Disassociate*", "ec2:ModifySecurityGroupRules", "ec2:ModifySubnetAttribute",
        "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint", "ec2:ReleaseAddress", "ec2:ReplaceRoute", "ec2:RevokeSecurityGroup*",
        "ec2:RunInstances", "ec2:UpdateSecurityGroupRuleDescriptions*",
      ]
      Resource = ["arn:aws:ec2:${local.here}:*/*", "arn:aws:ec2:${var.region}::image/*"]
      }, {
      Sid    = "Balancer"
      Effect = "Allow"
      Action = [
        "autoscaling:AttachLoadBalancerTargetGroups", "autoscaling:DetachLoadBalancerTargetGroups", "elasticloadbalancing:AddTags",
        "elasticloadbalancing:Create*", "elasticloadbalancing:Delete*", "elasticloadbalancing:Modify*", "elasticloadbalancing:SetSecurityGroups",
      ]
      Resource = [
        "arn:aws:elasticloadbalancing:${local.here}:*/net/${var.name}-*", "arn:aws:elasticloadbalancing:${local.here}:targetgroup/${var.name}-*",
        "arn:aws:autoscaling:${local.here}:autoScalingGroup:*:autoScalingGroupName/eks-*",
      ]
    }] }

    apply-data = { role = "apply", statements = [{
      Sid    = "Data"
      Effect = "Allow"
      Action = [
        "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:*TagResource", "dynamodb:Update*", "es:AddTags", "es:CreateDomain",
        "es:DeleteDomain", "es:RemoveTags", "es:UpdateDomainConfig", "es:UpgradeDomain", "firehose:CreateDeliveryStream",
        "firehose:DeleteDeliveryStream", "firehose:*TagDeliveryStream", "firehose:UpdateDestination", "kinesis:*Tags*",
        "kinesis:CreateStream", "kinesis:DeleteStream", "kinesis:*StreamRetentionPeriod", "kinesis:*StreamEncryption", "kinesis:Update*",
        "ecr:CreateRepository", "ecr:Delete*", "ecr:Put*", "ecr:*TagResource", "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret",
        "secretsmanager:*TagResource", "secretsmanager:UpdateSecret",
      ]
      Resource = [
        local.arns.incidents, "${local.arns.incidents}/*", local.arns.search, local.arns.logs, local.arns.events,
        "arn:aws:firehose:${local.here}:deliverystream/${var.name}-*", "arn:aws:ecr:${local.here}:repository/${var.name}/*",
        "arn:aws:secretsmanager:${local.here}:secret:${var.name}/*",
      ]
      }, {
      Sid      = "Buckets"
      Effect   = "Allow"
      Action   = ["s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucket*", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration"]
      Resource = [local.arns.bucket, local.arns.access]
    }] }

    apply-watch = { role = "apply", statements = [{
      Sid    = "Watch"
      Effect = "Allow"
      Action = [
        "budgets:ModifyBudget", "budgets:*TagResource", "cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:*TagResource", "events:DeleteRule",
        "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:*TagResource", "logs:CreateLogGroup", "logs:CreateLogStream",
        "logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:*RetentionPolicy", "logs:*TagResource", "sns:CreateTopic", "sns:DeleteTopic",
        "sns:SetTopicAttributes", "sns:Subscribe", "sns:*TagResource", "sns:Unsubscribe",
      ]
      Resource = [
        "arn:aws:budgets::${local.account}:budget/${var.name}-*", "arn:aws:cloudwatch:${local.here}:alarm:${var.name}-*",
        "arn:aws:events:${local.here}:rule/${var.name}-*", local.arns.alarms, "arn:aws:logs:${local.here}:log-group:/aws/*",
      ]
      }, {
      Sid      = "LogDelivery" # neither call knows a resource
      Effect   = "Allow"
      Action   = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DeleteResourcePolicy", "logs:PutResourcePolicy"]
      Resource = "*"
    }] }

    apply-cluster = { role = "apply", statements = [{
      Sid    = "Cluster"
      Effect = "Allow"
      Action = [
        "eks:AssociateAccessPolicy", "eks:Create*", "eks:Delete*", "eks:DisassociateAccessPolicy", "eks:*TagResource", "eks:Update*",
      ]
      Resource = [for kind in ["access-entry", "addon", "cluster", "nodegroup"] : "arn:aws:eks:${local.here}:${kind}/${local.names.cluster}*"]
      }, {
      Sid    = "Roles"
      Effect = "Allow"
      Action = [
        "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy",
        "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRoleDescription",
      ]
      Resource = local.own_role
      }, {
      Sid       = "PassRoles"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = local.own_role
      Condition = { StringEquals = { "iam:PassedToService" = ["ec2.amazonaws.com", "eks.amazonaws.com", "firehose.amazonaws.com"] } }
      }, {
      Sid      = "TrustCluster"
      Effect   = "Allow"
      Action   = ["iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"]
      Resource = "arn:aws:iam::${local.account}:oidc-provider/oidc.eks.${var.region}.amazonaws.com/*"
      }, { # or it could give itself more than this page
      Sid      = "NeverItself"
      Effect   = "Deny"
      Action   = ["iam:AttachRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"]
      Resource = "${local.arns.role}-pipeline-*"
      }, {
      Sid      = "Keys"
      Effect   = "Allow"
      Action   = ["kms:CreateAlias", "kms:CreateGrant", "kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:*TagResource", "kms:UpdateAlias"]
      Resource = ["arn:aws:kms:${local.here}:key/*", "arn:aws:kms:${local.here}:alias/${var.name}"]
    }] }

    release = { role = "release", statements = concat(local.release_functions, local.release_images, local.release_record) }
  }

  release_record = [{ # what is deployed, and what Terraform made: what everybody who deploys shares
    Sid      = "Record"
    Effect   = "Allow"
    Action   = ["s3:GetObject", "s3:PutObject"]
    Resource = "${local.arns.state}/chalice/*"
    }, {
    Sid       = "LookForRecord"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.arns.state
    Condition = { StringLike = { "s3:prefix" = "chalice/*" } }
  }]

  pipeline_state = [{
    Sid      = "ReadState"
    Effect   = "Allow"
    Action   = ["s3:GetObject", "s3:ListBucket"]
    Resource = [local.arns.state, "${local.arns.state}/*"]
  }]

  # ReadOnlyAccess would read the lines of customers too.
  deny_data = [
    { Sid = "NotTheLines", Effect = "Deny", Action = "s3:GetObject", NotResource = "${local.arns.state}/*" },
    {
      Sid      = "NotTheData"
      Effect   = "Deny"
      Action   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "kinesis:GetRecords", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery"]
      Resource = "*"
    },
  ]
}

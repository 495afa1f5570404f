# Permissions of the role that applies, on everything but roles: verbs of one service each, on what is this installation's.

# ---------------------------------------------------------------- Facts

locals {
  own_tag = { StringEquals = { "aws:ResourceTag/Project" = var.name } } # every resource carries it, see versions.tf
  any_ec2 = "arn:aws:ec2:${local.here}:*/*"

  apply_network = [
    {
      Sid    = "MakeNetwork"
      Effect = "Allow"
      Action = [
        "ec2:AllocateAddress", "ec2:CreateFlowLogs", "ec2:CreateInternetGateway", "ec2:CreateLaunchTemplate", "ec2:CreateNatGateway",
        "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateVpc", "ec2:CreateVpcEndpoint", "ec2:RunInstances",
      ]
      Resource = [local.any_ec2, "arn:aws:ec2:${var.region}::image/*"]
    },
    {
      Sid    = "ChangeOwnNetwork"
      Effect = "Allow"
      Action = [
        "ec2:AssociateRouteTable", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroup*", "ec2:CreateLaunchTemplateVersion", "ec2:CreateRoute",
        "ec2:DeleteFlowLogs", "ec2:DeleteInternetGateway", "ec2:DeleteLaunchTemplate*", "ec2:DeleteNatGateway", "ec2:DeleteRoute",
        "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup", "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:CreateTags", "ec2:DeleteVpc",
        "ec2:DeleteVpcEndpoints", "ec2:DetachInternetGateway", "ec2:DisassociateAddress", "ec2:DisassociateRouteTable",
        "ec2:ModifyLaunchTemplate", "ec2:ModifySecurityGroupRules", "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute",
        "ec2:ModifyVpcEndpoint", "ec2:ReleaseAddress", "ec2:ReplaceRoute", "ec2:ReplaceRouteTableAssociation",
        "ec2:RevokeSecurityGroup*", "ec2:UpdateSecurityGroupRuleDescriptions*",
      ]
      Resource  = local.any_ec2
      Condition = local.own_tag
    },
    { # EKS makes it and tags it its own way
      Sid       = "ChangeClusterGroup"
      Effect    = "Allow"
      Action    = ["ec2:AuthorizeSecurityGroup*", "ec2:ModifySecurityGroupRules", "ec2:RevokeSecurityGroup*", "ec2:UpdateSecurityGroupRuleDescriptions*"]
      Resource  = "arn:aws:ec2:${local.here}:security-group/*"
      Condition = { StringEquals = { "aws:ResourceTag/kubernetes.io/cluster/${local.names.cluster}" = "owned" } }
    },
    { # a rule that is being made carries no tag yet; its group must
      Sid      = "NewRules"
      Effect   = "Allow"
      Action   = "ec2:AuthorizeSecurityGroup*"
      Resource = "arn:aws:ec2:${local.here}:security-group-rule/*"
    },
    { # only while something is being made: who may tag what is there could make it look like ours
      Sid      = "TagNew"
      Effect   = "Allow"
      Action   = "ec2:CreateTags"
      Resource = local.any_ec2
      Condition = { StringEquals = { "ec2:CreateAction" = [
        "AllocateAddress", "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "CreateFlowLogs", "CreateInternetGateway",
        "CreateLaunchTemplate", "CreateNatGateway", "CreateRouteTable", "CreateSecurityGroup", "CreateSubnet", "CreateVpc",
        "CreateVpcEndpoint", "RunInstances",
      ] } }
    },
    {
      Sid    = "Balancer"
      Effect = "Allow"
      Action = [
        "elasticloadbalancing:AddTags", "elasticloadbalancing:Create*", "elasticloadbalancing:Delete*", "elasticloadbalancing:Modify*",
        "elasticloadbalancing:RemoveTags", "elasticloadbalancing:SetSecurityGroups",
      ]
      Resource = [for kind in ["loadbalancer/net", "listener/net", "targetgroup"] : "arn:aws:elasticloadbalancing:${local.here}:${kind}/${var.name}-milvus/*"]
    },
    {
      Sid       = "BalanceOwnNodes"
      Effect    = "Allow"
      Action    = ["autoscaling:AttachLoadBalancerTargetGroups", "autoscaling:DetachLoadBalancerTargetGroups"]
      Resource  = "arn:aws:autoscaling:${local.here}:autoScalingGroup:*:autoScalingGroupName/eks-*"
      Condition = { StringEquals = { "aws:ResourceTag/eks:cluster-name" = local.names.cluster } }
    },
  ]

  apply_data = [
    {
      Sid    = "Data"
      Effect = "Allow"
      Action = [
        "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:*TagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive", "es:AddTags", "es:CreateDomain", "es:DeleteDomain", "es:RemoveTags", "es:UpdateDomainConfig",
        "es:UpgradeDomain", "firehose:CreateDeliveryStream", "firehose:DeleteDeliveryStream", "firehose:*TagDeliveryStream",
        "firehose:UpdateDestination", "kinesis:*Tags*", "kinesis:*TagResource", "kinesis:CreateStream", "kinesis:DeleteStream",
        "kinesis:*StreamRetentionPeriod", "kinesis:*StreamEncryption", "kinesis:UpdateShardCount", "kinesis:UpdateStreamMode",
        "ecr:CreateRepository", "ecr:DeleteLifecyclePolicy", "ecr:DeleteRepository", "ecr:PutImageScanningConfiguration",
        "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:*TagResource", "secretsmanager:CreateSecret",
        "secretsmanager:DeleteSecret", "secretsmanager:*TagResource", "secretsmanager:UpdateSecret",
      ]
      Resource = concat(
        [local.arns.incidents, "${local.arns.incidents}/*", local.arns.search, local.arns.logs, local.arns.events],
        [for stream in [local.names.raw, local.names.indexed] : "arn:aws:firehose:${local.here}:deliverystream/${stream}"],
        [for image in local.images : "arn:aws:ecr:${local.here}:repository/${var.name}/${image}"],
        ["arn:aws:secretsmanager:${local.here}:secret:${var.name}/*"],
      )
    },
    {
      Sid      = "Buckets"
      Effect   = "Allow"
      Action   = ["s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucket*", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration"]
      Resource = [local.arns.bucket, local.arns.access]
    },
  ]

  own_log_groups = ["aws/lambda/${var.name}-", "aws/eks/${local.names.cluster}/", "aws/kinesisfirehose/${var.name}", "aws/opensearch/${local.names.search}/", "aws/events/${var.name}-failed-batches"]

  apply_watch = [
    {
      Sid    = "Watch"
      Effect = "Allow"
      Action = [
        "budgets:ModifyBudget", "budgets:*TagResource", "cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:*TagResource", "events:DeleteRule",
        "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:*TagResource", "logs:CreateLogGroup", "logs:CreateLogStream",
        "logs:DeleteLogGroup", "logs:DeleteLogStream", "logs:*RetentionPolicy", "logs:*TagResource", "sns:CreateTopic", "sns:DeleteTopic",
        "sns:SetTopicAttributes", "sns:Subscribe", "sns:*TagResource", "sns:Unsubscribe",
      ]
      Resource = concat(
        ["arn:aws:budgets::${local.account}:budget/${var.name}-day", "arn:aws:cloudwatch:${local.here}:alarm:${var.name}-*"],
        ["arn:aws:events:${local.here}:rule/${var.name}-failed-batch", local.arns.alarms],
        [for group in local.own_log_groups : "arn:aws:logs:${local.here}:log-group:/${group}*"],
      )
    },
    {
      Sid      = "LogDelivery" # neither call knows a resource
      Effect   = "Allow"
      Action   = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DeleteResourcePolicy", "logs:PutResourcePolicy"]
      Resource = "*"
    },
  ]

  apply_cluster = [
    {
      Sid      = "AskForConcurrency"
      Effect   = "Allow"
      Action   = "servicequotas:RequestServiceQuotaIncrease"
      Resource = "arn:aws:servicequotas:${local.here}:lambda/L-B99A9384"
    },
    {
      Sid      = "Cluster"
      Effect   = "Allow"
      Action   = ["eks:AssociateAccessPolicy", "eks:Create*", "eks:Delete*", "eks:DisassociateAccessPolicy", "eks:*TagResource", "eks:Update*"]
      Resource = concat([local.arns.cluster], [for kind in ["access-entry", "addon", "nodegroup"] : "arn:aws:eks:${local.here}:${kind}/${local.names.cluster}/*"])
    },
    {
      Sid      = "Key" # its policy is changed by a person
      Effect   = "Allow"
      Action   = ["kms:CreateAlias", "kms:EnableKeyRotation", "kms:*TagResource", "kms:UpdateAlias"]
      Resource = [aws_kms_key.main.arn, "arn:aws:kms:${local.here}:alias/${var.name}"]
    },
    {
      Sid       = "KeyForAws"
      Effect    = "Allow"
      Action    = "kms:CreateGrant"
      Resource  = aws_kms_key.main.arn
      Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
    },
  ]
}

# Every permission this root gives to code, once, by the name of what it allows. functions.tf, identity.tf and delivery.tf
# say who gets which. A grant with Resource "*" is one for which AWS knows no resource; tests/infrastructure lists them.

# ---------------------------------------------------------------- Facts

locals {
  grants = merge(local.stream_grants, local.store_grants, local.secret_grants, local.firehose_grants, {
    trace = [{
      Sid      = "Trace"
      Effect   = "Allow"
      Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = "*"
    }]

    # What Lambda does in the function's name to put it into the VPC.
    join_vpc = [
      {
        Sid      = "JoinVpc"
        Effect   = "Allow"
        Action   = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"]
        Resource = [for kind in ["network-interface", "security-group", "subnet"] : "arn:aws:ec2:${local.here}:${kind}/*"]
      },
      {
        Sid      = "LookAtVpc"
        Effect   = "Allow"
        Action   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]
        Resource = "*"
      },
    ]

    search = [
      { Sid = "SearchReads", Effect = "Allow", Action = ["es:ESHttpGet"], Resource = "${local.arns.search}/*" },
      { # a search is a POST
        Sid      = "SearchAsks"
        Effect   = "Allow"
        Action   = ["es:ESHttpPost"]
        Resource = [for call in ["_search", "_msearch", "_field_caps"] : "${local.arns.search}/*${call}*"]
      },
    ]

    # SES knows a sender by its identity; without one, alerts go by SMTP or not by mail at all.
    send_mail = [for identity in compact([var.alert_mail_identity]) : {
      Sid      = "SendMail"
      Effect   = "Allow"
      Action   = "ses:SendEmail"
      Resource = "arn:aws:ses:${local.here}:identity/${identity}"
    }]

    read_metrics = [{
      Sid      = "ReadMetrics"
      Effect   = "Allow"
      Action   = ["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"]
      Resource = "*"
    }]

    scale_nodes = [
      {
        Sid      = "ScaleOwnNodes"
        Effect   = "Allow"
        Action   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
        Resource = "arn:aws:autoscaling:${local.here}:autoScalingGroup:*:autoScalingGroupName/eks-*"
        Condition = { StringEquals = {
          "aws:ResourceTag/k8s.io/cluster-autoscaler/${local.names.cluster}" = "owned"
          "aws:ResourceTag/k8s.io/cluster-autoscaler/enabled"                = "true"
        } }
      },
      {
        Sid    = "LookAtNodes"
        Effect = "Allow"
        Action = [
          "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLaunchConfigurations",
          "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags", "ec2:DescribeImages", "ec2:DescribeInstanceTypes",
          "ec2:DescribeLaunchTemplateVersions", "ec2:GetInstanceTypesFromInstanceRequirements",
        ]
        Resource = "*"
      },
      {
        Sid      = "LookAtNodeGroups"
        Effect   = "Allow"
        Action   = "eks:DescribeNodegroup"
        Resource = "arn:aws:eks:${local.here}:nodegroup/${local.names.cluster}/*"
      },
    ]
  })

  secret_grants = { for secret in local.secrets : "read_secret_${secret}" => [{
    Sid      = "ReadSecret${title(secret)}"
    Effect   = "Allow"
    Action   = "secretsmanager:GetSecretValue"
    Resource = local.arns.secret[secret]
  }] }
}

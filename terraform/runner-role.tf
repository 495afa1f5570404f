# What the machine that runs GitHub's jobs may do itself: join the VPC, log, fetch the job. It is a person's to change: the pipeline may not.

# ---------------------------------------------------------------- Facts

locals {
  runner_grants = [
    {
      Sid      = "LogOwnWork"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "arn:aws:logs:${local.here}:log-group:/aws/codebuild/${var.name}-runner:*"
    },
    {
      Sid      = "TalkToGithub"
      Effect   = "Allow"
      Action   = [for service in ["codeconnections", "codestar-connections"] : "${service}:UseConnection"]
      Resource = var.runner_connection_arn
    },
    {
      Sid      = "TokenOfConnection"
      Effect   = "Allow"
      Action   = ["codeconnections:GetConnection", "codeconnections:GetConnectionToken"]
      Resource = var.runner_connection_arn
    },
    {
      Sid      = "JoinVpc"
      Effect   = "Allow"
      Action   = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"]
      Resource = [for kind in ["network-interface", "security-group", "subnet"] : "arn:aws:ec2:${local.here}:${kind}/*"]
    },
    {
      Sid       = "LendInterface"
      Effect    = "Allow"
      Action    = "ec2:CreateNetworkInterfacePermission"
      Resource  = "arn:aws:ec2:${local.here}:network-interface/*"
      Condition = { StringEquals = { "ec2:AuthorizedService" = "codebuild.amazonaws.com" } }
    },
    {
      Sid      = "LookAtVpc"
      Effect   = "Allow"
      Action   = ["ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]
      Resource = "*"
    },
  ]
}

# ---------------------------------------------------------------- Access

resource "aws_iam_role" "runner" {
  for_each = local.runner

  name        = "${var.name}-runner"
  description = "CodeBuild that runs jobs of GitHub in the VPC"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "codebuild.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })

  permissions_boundary = local.arns.boundary["runner"]

  depends_on = [aws_iam_policy.boundary]
}

resource "aws_iam_role_policy" "runner" {
  for_each = local.runner

  name   = "grants"
  role   = aws_iam_role.runner[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = local.runner_grants })
}

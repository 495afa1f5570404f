# Where workflows run that must reach the cluster's API and OpenSearch: CodeBuild starts one machine in the VPC for each job of GitHub and
# takes it away after it. It holds no right of the pipeline: jobs take their roles by GitHub's token there, as anywhere.

# ---------------------------------------------------------------- Settings

variable "runner_connection_arn" {
  description = "The connection of CodeConnections to GitHub, which a person has made and confirmed. Empty, or without github_repository: no runner."
  type        = string
  default     = ""

  validation {
    condition     = var.runner_connection_arn == "" || can(regex("^arn:aws:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}$", var.runner_connection_arn))
    error_message = "runner_connection_arn must be the ARN of a connection, such as arn:aws:codeconnections:ap-northeast-2:111122223333:connection/<id>."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  runner = toset(var.runner_connection_arn == "" || var.github_repository == "" ? [] : ["github"])
}

# ---------------------------------------------------------------- Resources

resource "aws_codebuild_project" "runner" {
  #checkov:skip=CKV_AWS_147:it keeps no artefact and no cache that a key could encrypt
  for_each = local.runner

  name          = "${var.name}-runner"
  description   = "Jobs of ${var.github_repository} that need the cluster or OpenSearch"
  service_role  = aws_iam_role.runner[each.key].arn
  build_timeout = 60

  artifacts {
    type = "NO_ARTIFACTS"
  }

  environment {
    compute_type = "BUILD_GENERAL1_MEDIUM"
    image        = "aws/codebuild/standard:7.0" # Ubuntu, with make, git and Python
    type         = "LINUX_CONTAINER"

    privileged_mode = false
  }

  source {
    type     = "GITHUB"
    location = "https://github.com/${var.github_repository}.git"

    auth {
      type     = "CODECONNECTIONS"
      resource = var.runner_connection_arn
    }
  }

  vpc_config {
    vpc_id             = aws_vpc.main.id
    subnets            = [for zone in local.zones : aws_subnet.private[zone].id]
    security_group_ids = [aws_security_group.runner[each.key].id]
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.runner[each.key].name
    }
  }

  depends_on = [aws_iam_role_policy.runner]
}

# GitHub tells of a job that waits; the workflows that ask for this runner change the installation after their reviewers agreed.
resource "aws_codebuild_webhook" "runner" {
  for_each = local.runner

  project_name = aws_codebuild_project.runner[each.key].name
  build_type   = "BUILD"

  filter_group {
    filter {
      type    = "EVENT"
      pattern = "WORKFLOW_JOB_QUEUED"
    }
    filter {
      type    = "WORKFLOW_NAME"
      pattern = "^(addons|images|terraform)$"
    }
  }
}

resource "aws_cloudwatch_log_group" "runner" {
  #checkov:skip=CKV_AWS_158:what GitHub shows of the job as well; CloudWatch encrypts it with its own key
  #checkov:skip=CKV_AWS_338:GitHub keeps the logs of jobs
  for_each = local.runner

  name              = "/aws/codebuild/${var.name}-runner"
  retention_in_days = 30
}

resource "aws_security_group" "runner" {
  for_each = local.runner

  name        = "${var.name}-runner"
  description = "Jobs of GitHub inside the VPC: HTTPS out, nothing in."
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-runner" }
}

resource "aws_vpc_security_group_egress_rule" "runner_out" {
  for_each = local.runner

  security_group_id = aws_security_group.runner[each.key].id
  description       = "GitHub, AWS services, registries and the cluster, all of them HTTPS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "cluster_from_runner" {
  for_each = local.runner

  security_group_id            = aws_eks_cluster.main.vpc_config[0].cluster_security_group_id
  description                  = "The API from jobs of GitHub"
  referenced_security_group_id = aws_security_group.runner[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

# ---------------------------------------------------------------- Outputs

output "runner" {
  description = "The variable RUNNER_PROJECT of the repository; empty when there is no runner."
  value       = try(one(values(aws_codebuild_project.runner)).name, "")
}

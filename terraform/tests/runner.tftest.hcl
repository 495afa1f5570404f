# The runner for GitHub's jobs inside the VPC.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  github_repository     = "acme/cali"
  runner_connection_arn = "arn:aws:codeconnections:ap-northeast-2:111122223333:connection/01234567-89ab-cdef-0123-456789abcdef"
}

run "it_runs_inside_and_reaches_what_jobs_need" {
  command = apply

  assert {
    condition     = aws_codebuild_project.runner["github"].vpc_config[0].vpc_id == aws_vpc.main.id
    error_message = "the runner must stand in the VPC"
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.cluster_from_runner["github"].from_port == 443
    error_message = "the cluster's API must answer the runner"
  }

  assert {
    condition = [for statement in jsondecode(aws_opensearch_domain_policy.search.access_policies).Statement :
    statement.Condition.IpAddress["aws:SourceIp"] if statement.Principal.AWS == "*"] == [["198.51.100.7/32"]]
    error_message = "OpenSearch must answer the address by which the runner leaves the VPC, and then needs no other"
  }

  assert {
    condition     = anytrue([for filter in flatten(aws_codebuild_webhook.runner["github"].filter_group[*].filter[*]) : filter.pattern == "WORKFLOW_JOB_QUEUED"])
    error_message = "GitHub's jobs must start it, and no push"
  }

  assert {
    condition     = !aws_codebuild_project.runner["github"].environment[0].privileged_mode
    error_message = "a job must not own the machine"
  }
}

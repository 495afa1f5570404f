# Values that must be refused, one of each variable in a run. That each message names its variable is checked by
# tests/infrastructure/test_variables.py.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "refused" {
  command = plan

  variables {
    name                   = "Cali"
    region                 = "seoul"
    chalice_stage          = "Prod stage"
    tags                   = { "aws:x" = "1" }
    vpc_cidr               = "10.20.0.0/24"
    zone_count             = 1
    nat_gateways           = "none"
    interface_endpoints    = ["s3"]
    milvus_node_port       = 19530
    stream_mode            = "on-demand"
    stream_shards          = 0
    stream_retention_hours = 12
    search_version         = "Elasticsearch_7.10"
    search_instance_type   = "t2.small.search"
    search_instance_count  = 0
    search_volume_gb       = 5
    search_cidrs           = ["0.0.0.0/0"]
    secret_recovery_days   = 3
    cluster_version        = "1.29"
    cluster_public_cidrs   = ["0.0.0.0/0"]
    team_members_arns      = ["kim"]
    team_members_policy    = "AdministratorAccess"
    state_nodes            = { min = 3, max = 2 }
    spot_nodes             = { min = 3, max = 2 }
    airflow_executor       = "SequentialExecutor"
    alarm_emails           = ["on-call"]
    budget_dollars_per_day = 0
    model_dollars_per_day  = -1
    github_repository      = "cali"
    github_environment     = "prod env"
    github_provider_arn    = "arn:aws:iam::1:oidc-provider/x"
    alert_mail_identity    = "on call"
    rest_api_id            = "https://x"
    concurrency_quota      = 500
    settings               = { alert_rules = "raw/alerts.yaml" }
  }

  expect_failures = [
    var.name,
    var.region,
    var.chalice_stage,
    var.tags,
    var.vpc_cidr,
    var.zone_count,
    var.nat_gateways,
    var.interface_endpoints,
    var.milvus_node_port,
    var.stream_mode,
    var.stream_shards,
    var.stream_retention_hours,
    var.search_version,
    var.search_instance_type,
    var.search_instance_count,
    var.search_volume_gb,
    var.search_cidrs,
    var.secret_recovery_days,
    var.cluster_version,
    var.cluster_public_cidrs,
    var.team_members_arns,
    var.team_members_policy,
    var.state_nodes,
    var.spot_nodes,
    var.airflow_executor,
    var.alarm_emails,
    var.budget_dollars_per_day,
    var.model_dollars_per_day,
    var.github_repository,
    var.github_environment,
    var.github_provider_arn,
    var.alert_mail_identity,
    var.rest_api_id,
    var.concurrency_quota,
    var.settings,
  ]
}

run "refused_for_another_reason" {
  command = plan

  variables {
    name                 = "cali-"
    vpc_cidr             = "ten"
    stream_shards        = 1.5
    search_instance_type = "t3.small"
    search_cidrs         = ["office"]
    team_members_arns    = ["arn:aws:sts::111122223333:assumed-role/admin/kim"]
    state_nodes          = { disk_gb = 8 }
    spot_nodes           = { instance_types = ["t3.medium"] }
    settings             = { slack_channel = "#alerts" }
  }

  expect_failures = [
    var.name,
    var.vpc_cidr,
    var.stream_shards,
    var.search_instance_type,
    var.search_cidrs,
    var.team_members_arns,
    var.state_nodes,
    var.spot_nodes,
    var.settings,
  ]
}

run "refused_for_a_third_reason" {
  command = plan

  variables {
    team_members_arns = ["arn:aws:iam::111122223333:user/kim", "arn:aws:iam::111122223333:user/kim"]
    settings          = { alert_from = "fatal" }
    search_cidrs      = []
  }

  expect_failures = [
    var.team_members_arns,
    var.settings,
    var.search_cidrs,
  ]
}

run "refused_as_a_runner" {
  command = plan

  variables {
    github_repository     = "acme/cali"
    runner_connection_arn = "github"
  }

  expect_failures = [
    var.runner_connection_arn,
  ]
}

run "refused_as_a_setting_url" {
  command = plan

  variables {
    settings = { console_url = "cali.example.com" }
  }

  expect_failures = [
    var.settings,
  ]
}

run "refused_as_a_setting_embedder" {
  command = plan

  variables {
    settings = { embedder = "wordllama" }
  }

  expect_failures = [
    var.settings,
  ]
}

run "refused_as_a_setting_language" {
  command = plan

  variables {
    settings = { language = "de" }
  }

  expect_failures = [
    var.settings,
  ]
}

run "refused_as_a_setting_number" {
  command = plan

  variables {
    settings = { quiet_after = -1 }
  }

  expect_failures = [
    var.settings,
  ]
}

run "refused_as_a_setting_approval" {
  command = plan

  variables {
    settings = { learning_approval = "yes" }
  }

  expect_failures = [
    var.settings,
  ]
}

# Mission, rows "S3 cali-logs-<account>", "State of incidents", "ECR", "Secrets". What the root hands to the bucket
# module is read from the whole state by tests/infrastructure/test_storage.py.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "the_bucket_is_hardened_and_ages" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name            = "cali-logs-111122223333"
    force_destroy   = false
    lifecycle_rules = { raw = { prefix = "raw/", ia_days = 30, glacier_days = 90, deletion_days = 365 } }
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "versioning must be on"
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "encryption must be SSE-S3"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "public access must be blocked in all four ways"
  }

  assert {
    condition = anytrue([for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement :
    statement.Effect == "Deny" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"])
    error_message = "plain HTTP must be refused"
  }

  assert {
    condition = { for transition in aws_s3_bucket_lifecycle_configuration.this.rule[0].transition : transition.storage_class => transition.days } == {
      STANDARD_IA = 30, GLACIER = 90
    }
    error_message = "objects must move to IA after 30 days and to Glacier after 90"
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this.rule[0].expiration[0].days == 365
    error_message = "objects must be deleted after 365 days"
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy == false
    error_message = "a destroy must not delete data unless told to"
  }
}

run "the_bucket_bears_the_account" {
  command = apply

  assert {
    condition     = output.logs_bucket == "cali-logs-111122223333"
    error_message = "the bucket must be called cali-logs-<account>"
  }
}

run "incidents_are_kept_safely" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.incidents.name == "cali-incidents" && aws_dynamodb_table.incidents.billing_mode == "PAY_PER_REQUEST"
    error_message = "the table must be called cali-incidents and be paid by request"
  }

  assert {
    condition     = aws_dynamodb_table.incidents.ttl[0].enabled && aws_dynamodb_table.incidents.ttl[0].attribute_name == "expires_at"
    error_message = "items must expire at expires_at"
  }

  assert {
    condition     = aws_dynamodb_table.incidents.point_in_time_recovery[0].enabled && aws_dynamodb_table.incidents.server_side_encryption[0].enabled
    error_message = "the table must be recoverable to any second and encrypted"
  }

  assert {
    condition     = aws_dynamodb_table.incidents.deletion_protection_enabled
    error_message = "the table must refuse to be deleted"
  }
}

run "images_have_repositories" {
  command = plan

  assert {
    condition     = toset([for repository in aws_ecr_repository.image : repository.name]) == toset(["cali/airflow-custom", "cali/consumer", "cali/grafana-custom", "cali/log-generator"])
    error_message = "the four repositories must be there"
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.image : repository.image_scanning_configuration[0].scan_on_push && repository.image_tag_mutability == "IMMUTABLE"])
    error_message = "images must be scanned on push, and a tag must stay what it was"
  }

  assert {
    condition     = toset(keys(aws_ecr_lifecycle_policy.image)) == toset(keys(aws_ecr_repository.image))
    error_message = "old images must be removed from each repository"
  }
}

run "secrets_are_entries_without_values" {
  command = plan

  assert {
    condition     = toset(keys(aws_secretsmanager_secret.entry)) == toset(["airflow", "github", "grafana", "milvus", "openai", "opensearch", "slack"])
    error_message = "there must be one entry for each who keeps a secret, and one for all alerts"
  }

  assert {
    condition     = alltrue([for name, entry in aws_secretsmanager_secret.entry : entry.name == "cali/${name}"])
    error_message = "entries must bear the installation's name"
  }
}

run "settings_reach_the_functions" {
  command = plan

  variables {
    settings = { alert_rules = "config/alerts.yaml", quiet_after = 600 }
  }

  assert {
    condition     = local.given_settings == { alert_rules = "config/alerts.yaml", quiet_after = 600 }
    error_message = "what is set must be handed on, and nothing else"
  }
}

# Entries for secrets. Their values are put by people or by the access step, never by Terraform: no value is in the state.

# ---------------------------------------------------------------- Settings

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be brought back. Its name cannot be used again before; 0 deletes at once."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days must be 0, or lie between 7 and 30."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  secret_purposes = {
    airflow    = "Airflow: fernet key, web secret, Git credentials"
    github     = "Pull requests with what was learnt: {\"token\": ...}"
    grafana    = "Grafana: the administrator's password"
    milvus     = "Milvus: {\"token\": \"user:password\"}"
    openai     = "The model: {\"api_key\": ...}"
    opensearch = "OpenSearch: master user and password, written by the access step"
    slack      = "Alerts, whatever their sink: {\"webhook_url\": ..., \"bot_token\": ..., \"signing_secret\": ...}, see docs/deploy.md"
  }
  secrets = keys(local.secret_purposes)
}

# ---------------------------------------------------------------- Resources

resource "aws_secretsmanager_secret" "entry" {
  #checkov:skip=CKV_AWS_149:encrypted with the AWS managed key; roles are kept apart by policy
  #checkov:skip=CKV2_AWS_57:the keys belong to other companies' services, which Secrets Manager cannot rotate
  for_each = local.secret_purposes

  name                    = "${var.name}/${each.key}"
  description             = each.value
  recovery_window_in_days = var.secret_recovery_days
}

# ---------------------------------------------------------------- Outputs

output "secrets" {
  description = "The entries to fill: `aws secretsmanager put-secret-value --secret-id NAME --secret-string ...`."
  value       = { for secret, entry in aws_secretsmanager_secret.entry : secret => entry.name }
}

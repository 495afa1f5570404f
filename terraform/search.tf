# OpenSearch: what people and Grafana search. It is an index of the last days; S3 keeps the lines.

# ---------------------------------------------------------------- Settings

variable "search_version" {
  description = "The engine's version."
  type        = string
  default     = "OpenSearch_2.19"

  validation {
    condition     = can(regex("^OpenSearch_[23]\\.[0-9]+$", var.search_version))
    error_message = "search_version must be an OpenSearch version of 2 or 3, such as OpenSearch_2.19."
  }
}

variable "search_instance_type" {
  description = "The data node's type."
  type        = string
  default     = "t3.small.search"

  validation {
    condition     = endswith(var.search_instance_type, ".search") && !startswith(var.search_instance_type, "t2.")
    error_message = "search_instance_type must end with .search and not be a t2, which has neither fine-grained access nor encryption."
  }
}

variable "search_instance_count" {
  description = "Data nodes. Two or three spread over as many zones."
  type        = number
  default     = 1

  validation {
    condition     = var.search_instance_count >= 1 && var.search_instance_count <= 10
    error_message = "search_instance_count must lie between 1 and 10."
  }
}

variable "search_volume_gb" {
  description = "gp3 storage of each node."
  type        = number
  default     = 20

  validation {
    condition     = var.search_volume_gb >= 10 && var.search_volume_gb <= 1000
    error_message = "search_volume_gb must lie between 10 and 1000."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  index              = "${var.name}-logs"
  search_zones       = min(var.search_instance_count, var.zone_count)
  search_master_user = "${var.name}-admin"
}

# ---------------------------------------------------------------- Resources

resource "aws_opensearch_domain" "search" {
  #checkov:skip=CKV_AWS_137:people sign in with a browser; inside the VPC they would need a VPN. Guarded by TLS, address blocks and its own users
  #checkov:skip=CKV_AWS_318:one small node as designed; what is lost is rebuilt from S3 (docs/recovery.md)
  #checkov:skip=CKV2_AWS_59:as above
  #checkov:skip=CKV_AWS_248:security groups belong to domains inside a VPC
  #checkov:skip=CKV_AWS_317:audit logs are published, by a dynamic block that the check cannot read
  #checkov:skip=CKV_AWS_247:encrypted with the AWS managed key; the lines in it are redacted
  domain_name    = local.names.search
  engine_version = var.search_version

  cluster_config {
    instance_type          = var.search_instance_type
    instance_count         = var.search_instance_count
    zone_awareness_enabled = local.search_zones > 1

    dynamic "zone_awareness_config" {
      for_each = local.search_zones > 1 ? [local.search_zones] : []

      content {
        availability_zone_count = zone_awareness_config.value
      }
    }
  }

  ebs_options {
    ebs_enabled = true
    volume_type = "gp3"
    volume_size = var.search_volume_gb
  }

  encrypt_at_rest {
    enabled = true
  }

  node_to_node_encryption {
    enabled = true
  }

  domain_endpoint_options {
    enforce_https       = true
    tls_security_policy = "Policy-Min-TLS-1-2-PFS-2023-10"
  }

  # The provider can only write this password into the state. So Terraform draws one that nobody knows, and the access
  # step replaces it by the one in Secrets Manager right after the apply: what the state holds opens nothing.
  advanced_security_options {
    enabled                        = true
    internal_user_database_enabled = true

    master_user_options {
      master_user_name     = local.search_master_user
      master_user_password = "Aa1!${uuid()}"
    }
  }

  auto_tune_options {
    desired_state       = "DISABLED" # t3 nodes have none
    rollback_on_disable = "NO_ROLLBACK"
  }

  off_peak_window_options {
    enabled = true
  }

  software_update_options {
    auto_software_update_enabled = true
  }

  dynamic "log_publishing_options" {
    for_each = aws_cloudwatch_log_group.search

    content {
      log_type                 = log_publishing_options.key
      cloudwatch_log_group_arn = log_publishing_options.value.arn
    }
  }

  depends_on = [aws_cloudwatch_log_resource_policy.search]

  lifecycle {
    ignore_changes = [advanced_security_options[0].master_user_options]
  }
}

resource "aws_cloudwatch_log_group" "search" {
  #checkov:skip=CKV_AWS_158:slow queries and sign-ins; CloudWatch encrypts them with its own key
  #checkov:skip=CKV_AWS_338:30 days of sign-ins are what a small team reads
  for_each = toset(["AUDIT_LOGS", "ES_APPLICATION_LOGS", "INDEX_SLOW_LOGS", "SEARCH_SLOW_LOGS"])

  name              = "/aws/opensearch/${local.names.search}/${lower(replace(each.key, "_", "-"))}"
  retention_in_days = 30
}

resource "aws_cloudwatch_log_resource_policy" "search" {
  policy_name = "${local.names.search}-writes"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "SearchWritesItsLogs"
      Effect    = "Allow"
      Principal = { Service = "es.amazonaws.com" }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:PutLogEventsBatch"]
      Resource  = "arn:aws:logs:${local.here}:log-group:/aws/opensearch/${local.names.search}/*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

# ---------------------------------------------------------------- Outputs

output "search" {
  description = "The domain, as the access step, Grafana and people need it."
  value = {
    domain        = aws_opensearch_domain.search.domain_name
    endpoint      = "https://${aws_opensearch_domain.search.endpoint}"
    dashboards    = "https://${aws_opensearch_domain.search.endpoint}/_dashboards"
    index         = local.index
    master_user   = local.search_master_user
    secret        = "${var.name}/opensearch"
    firehose_role = aws_iam_role.firehose["search"].arn
    grafana_role  = module.service_account["grafana"].arn
  }
}

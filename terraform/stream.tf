# The two streams: log lines from Fluent Bit, and what happened to incidents.

# ---------------------------------------------------------------- Settings

variable "stream_mode" {
  description = "PROVISIONED pays for shards, ON_DEMAND for bytes and scales by itself. docs/operations.md says when to change."
  type        = string
  default     = "PROVISIONED"

  validation {
    condition     = contains(["PROVISIONED", "ON_DEMAND"], var.stream_mode)
    error_message = "stream_mode must be \"PROVISIONED\" or \"ON_DEMAND\"."
  }
}

variable "stream_shards" {
  description = "Shards of the log stream when it is provisioned: each takes 1 MB or 1,000 records a second."
  type        = number
  default     = 1

  validation {
    condition     = var.stream_shards >= 1 && var.stream_shards <= 500 && floor(var.stream_shards) == var.stream_shards
    error_message = "stream_shards must be a whole number from 1 to 500."
  }
}

variable "stream_retention_hours" {
  description = "How long a line can be read again. Above 24 hours each shard costs more."
  type        = number
  default     = 24

  validation {
    condition     = var.stream_retention_hours >= 24 && var.stream_retention_hours <= 8760
    error_message = "stream_retention_hours must lie between 24 and 8760."
  }
}

# ---------------------------------------------------------------- Resources

# The key is AWS's own for Kinesis: free, and every reader and writer of this account may use it through Kinesis.
resource "aws_kinesis_stream" "logs" {
  #checkov:skip=CKV_AWS_185:encrypted with the AWS managed key; one of our own would cost each consumer a grant and buy nothing
  name             = local.names.logs
  shard_count      = var.stream_mode == "PROVISIONED" ? var.stream_shards : null
  retention_period = var.stream_retention_hours
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = var.stream_mode
  }
}

# A few events for each incident: one shard carries what a thousand shards of logs open.
resource "aws_kinesis_stream" "incidents" {
  #checkov:skip=CKV_AWS_185:encrypted with the AWS managed key, as the log stream is
  name             = local.names.events
  shard_count      = 1
  retention_period = 24
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = "PROVISIONED"
  }
}

# ---------------------------------------------------------------- Outputs

output "logs_stream" {
  description = "Where Fluent Bit sends and analyze reads."
  value       = { name = aws_kinesis_stream.logs.name, arn = aws_kinesis_stream.logs.arn }
}

output "incidents_stream" {
  description = "Where analyze tells of incidents."
  value       = { name = aws_kinesis_stream.incidents.name, arn = aws_kinesis_stream.incidents.arn }
}

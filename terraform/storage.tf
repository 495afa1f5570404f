# The log bucket, and the bucket that keeps who read it.

# ---------------------------------------------------------------- Settings

variable "force_destroy_logs" {
  description = "Whether `terraform destroy` may delete the log bucket with all its data. `make destroy` asks before it sets this."
  type        = bool
  default     = false
}

variable "adopt_logs_bucket" {
  description = "Whether the log bucket is there already, kept by an earlier destroy, and is to be taken back. `make infra` finds out."
  type        = bool
  default     = false
}

# ---------------------------------------------------------------- Facts

locals {
  # S3 moves no object below 128 KB, its default: at the default volume this deletes after a year and moves nothing (docs/operations.md).
  # What ages. releases/ and config/ are in no rule: functions read them on every start, however old they are. learning/ is in
  # none either: the nightly jobs drop what is older than `learning_keep_days`, and must keep a list that seldom changes.
  aging_prefixes = {
    raw             = "raw/"
    new-errors      = "new_errors/"
    firehose-failed = "firehose-failed/"
    quarantine      = "quarantine/"
    airflow-logs    = "airflow-logs/"
    failed-batches  = "aws/lambda/" # Lambda chooses this prefix for batches it gave up on
  }
}

# ---------------------------------------------------------------- Resources

module "logs" {
  source = "./modules/bucket"

  name              = local.names.bucket
  force_destroy     = var.force_destroy_logs
  access_log_bucket = module.access_logs.name
  lifecycle_rules = merge(
    { for name, prefix in local.aging_prefixes : name => { prefix = prefix, ia_days = 30, glacier_days = 90, deletion_days = 365 } },
    { reports = { prefix = "reports/", deletion_days = 365 } }, # small: IA bills each as 128 KB
  )
}

import {
  for_each = var.adopt_logs_bucket ? toset([local.names.bucket]) : toset([])
  to       = module.logs.aws_s3_bucket.this
  id       = each.key
}

# Where each failed batch is announced: alarms.tf listens.
resource "aws_s3_bucket_notification" "logs" {
  bucket      = module.logs.name
  eventbridge = true
}

module "access_logs" {
  source = "./modules/bucket"

  name            = local.names.access
  force_destroy   = true # it holds nothing but who asked for what
  lifecycle_rules = { all = { prefix = "", deletion_days = 90 } }

  statements = jsonencode([
    {
      Sid       = "S3WritesAccessLogs"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arns.access}/s3/*"
      Condition = { ArnLike = { "aws:SourceArn" = local.arns.bucket }, StringEquals = { "aws:SourceAccount" = local.account } }
    },
    {
      Sid       = "VpcWritesFlowLogs"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arns.access}/vpc-flow/*"
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:aws:logs:${local.here}:*" }
        StringEquals = { "aws:SourceAccount" = local.account, "s3:x-amz-acl" = "bucket-owner-full-control" }
      }
    },
    {
      Sid       = "VpcLooksBeforeItWrites"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = ["s3:GetBucketAcl", "s3:ListBucket"]
      Resource  = local.arns.access
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:aws:logs:${local.here}:*" }
        StringEquals = { "aws:SourceAccount" = local.account }
      }
    },
  ])
}

# ---------------------------------------------------------------- Outputs

output "logs_bucket" {
  description = "Where raw lines, new errors, failures and releases are kept."
  value       = module.logs.name
}

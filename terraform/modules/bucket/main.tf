# A bucket that nobody reads by accident: private, encrypted, versioned, TLS only.

# ---------------------------------------------------------------- Settings

variable "name" {
  description = "The bucket's name, unique in the world."
  type        = string
}

variable "force_destroy" {
  description = "Whether a destroy may delete what is in it."
  type        = bool
}

variable "statements" {
  description = "Policy statements beside the one that refuses plain HTTP, as JSON: an array."
  type        = string
  default     = "[]"
}

variable "access_log_bucket" {
  description = "Where its own access is logged; null logs none."
  type        = string
  default     = null
}

variable "lifecycle_rules" {
  description = "Days until objects under each prefix move to IA, to Glacier, and are deleted. An empty prefix is the whole bucket."
  type = map(object({
    prefix        = string
    ia_days       = optional(number)
    glacier_days  = optional(number)
    deletion_days = optional(number)
  }))
  default = {}
}

variable "noncurrent_days" {
  description = "Days that a replaced or deleted version is kept."
  type        = number
  default     = 30
}

# ---------------------------------------------------------------- Resources

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_145:SSE-S3 as designed: no key to lose, no request charge; readers are kept out by policy
  #checkov:skip=CKV_AWS_144:copied to another region only by the recovery plan, docs/recovery.md says when
  #checkov:skip=CKV_AWS_18:the log bucket is logged; the bucket of access logs would log itself for ever
  #checkov:skip=CKV2_AWS_62:the root asks for events where something listens to them
  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "RefusePlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::${var.name}", "arn:aws:s3:::${var.name}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }], jsondecode(var.statements))
  })

  depends_on = [aws_s3_bucket_public_access_block.this] # S3 refuses two changes of a bucket's access at once
}

resource "aws_s3_bucket_logging" "this" {
  count = var.access_log_bucket == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  target_bucket = var.access_log_bucket
  target_prefix = "s3/${var.name}/"
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  dynamic "rule" {
    for_each = var.lifecycle_rules

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.value.prefix
      }

      dynamic "transition" {
        for_each = { for class, days in { STANDARD_IA = rule.value.ia_days, GLACIER = rule.value.glacier_days } : class => days if days != null }

        content {
          days          = transition.value
          storage_class = transition.key
        }
      }

      dynamic "expiration" {
        for_each = rule.value.deletion_days[*]

        content {
          days = expiration.value
        }
      }
    }
  }

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {
      prefix = ""
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# ---------------------------------------------------------------- Outputs

output "name" {
  description = "The bucket's name."
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "The bucket's ARN."
  value       = aws_s3_bucket.this.arn
}

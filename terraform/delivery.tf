# The two Firehoses: every line to S3 as it came, and to OpenSearch as enrich made it.

# ---------------------------------------------------------------- Facts

locals {
  buffer_seconds = 60
  buffer_mb      = 5
  today          = "dt=!{timestamp:yyyy-MM-dd}/"

  delivery_grants = {
    raw    = ["firehose_reads", "firehose_logs", "firehose_writes_raw"]
    search = ["firehose_reads", "firehose_logs", "firehose_writes_failures", "firehose_enriches", "firehose_indexes"]
  }
}

# ---------------------------------------------------------------- Resources

resource "aws_cloudwatch_log_group" "firehose" {
  #checkov:skip=CKV_AWS_158:error messages of Firehose only; CloudWatch encrypts them with its own key
  #checkov:skip=CKV_AWS_338:an error that nobody looked at for 30 days is in S3 under firehose-failed/
  name              = "/aws/kinesisfirehose/${var.name}"
  retention_in_days = 30
}

resource "aws_cloudwatch_log_stream" "firehose" {
  for_each = toset(["raw", "search"])

  name           = each.key
  log_group_name = aws_cloudwatch_log_group.firehose.name
}

resource "aws_kinesis_firehose_delivery_stream" "raw" {
  #checkov:skip=CKV_AWS_240:its source is an encrypted stream, and Firehose does not take a key of its own then
  #checkov:skip=CKV_AWS_241:as above
  name        = local.names.raw
  destination = "extended_s3"

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.logs.arn
    role_arn           = aws_iam_role.firehose["raw"].arn
  }

  extended_s3_configuration {
    bucket_arn          = module.logs.arn
    role_arn            = aws_iam_role.firehose["raw"].arn
    prefix              = "raw/${local.today}"
    error_output_prefix = "firehose-failed/raw/!{firehose:error-output-type}/${local.today}"
    buffering_interval  = local.buffer_seconds
    buffering_size      = local.buffer_mb
    compression_format  = "GZIP"

    processing_configuration {
      enabled = true

      processors { # or one line would begin where another ends
        type = "AppendDelimiterToRecord"

        parameters {
          parameter_name  = "Delimiter"
          parameter_value = "\\n"
        }
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.firehose.name
      log_stream_name = aws_cloudwatch_log_stream.firehose["raw"].name
    }
  }

  depends_on = [aws_iam_role_policy.firehose] # Firehose tries its role when it is made
}

resource "aws_kinesis_firehose_delivery_stream" "search" {
  #checkov:skip=CKV_AWS_240:its source is an encrypted stream, and Firehose does not take a key of its own then
  #checkov:skip=CKV_AWS_241:as above
  name        = local.names.indexed
  destination = "opensearch"

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.logs.arn
    role_arn           = aws_iam_role.firehose["search"].arn
  }

  opensearch_configuration {
    domain_arn            = aws_opensearch_domain.search.arn
    role_arn              = aws_iam_role.firehose["search"].arn
    index_name            = local.index
    index_rotation_period = "OneDay"
    buffering_interval    = local.buffer_seconds
    buffering_size        = local.buffer_mb
    retry_duration        = 300
    s3_backup_mode        = "FailedDocumentsOnly"

    processing_configuration {
      enabled = true

      processors {
        type = "Lambda"

        parameters {
          parameter_name  = "LambdaArn"
          parameter_value = "${local.arns.function["enrich"]}:$LATEST"
        }
        parameters {
          parameter_name  = "RoleArn"
          parameter_value = aws_iam_role.firehose["search"].arn
        }
        parameters {
          parameter_name  = "BufferSizeInMBs"
          parameter_value = "0.5" # what enrich adds must still fit the 6 MB of an answer
        }
        parameters {
          parameter_name  = "BufferIntervalInSeconds"
          parameter_value = "30"
        }
      }
    }

    s3_configuration {
      bucket_arn          = module.logs.arn
      role_arn            = aws_iam_role.firehose["search"].arn
      prefix              = "firehose-failed/search/${local.today}"
      error_output_prefix = "firehose-failed/search/!{firehose:error-output-type}/${local.today}"
      buffering_interval  = local.buffer_seconds
      buffering_size      = local.buffer_mb
      compression_format  = "GZIP"

      cloudwatch_logging_options {
        enabled         = true
        log_group_name  = aws_cloudwatch_log_group.firehose.name
        log_stream_name = aws_cloudwatch_log_stream.firehose["search"].name
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.firehose.name
      log_stream_name = aws_cloudwatch_log_stream.firehose["search"].name
    }
  }

  depends_on = [aws_iam_role_policy.firehose]
}

# ---------------------------------------------------------------- Access

resource "aws_iam_role" "firehose" {
  for_each = local.delivery_grants

  name        = "${var.name}-firehose-${each.key}"
  description = "Firehose that delivers to ${each.key == "raw" ? "S3" : "OpenSearch"}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })

  permissions_boundary = local.arns.boundary["workload"]

  depends_on = [aws_iam_policy.boundary]
}

resource "aws_iam_role_policy" "firehose" {
  for_each = local.delivery_grants

  name   = "grants"
  role   = aws_iam_role.firehose[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = flatten([for grant in each.value : local.grants[grant]]) })
}

# Permissions on the streams and on what Firehose touches.

# ---------------------------------------------------------------- Facts

locals {
  stream_reads = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]

  stream_grants = {
    read_logs             = [{ Sid = "ReadLogs", Effect = "Allow", Action = local.stream_reads, Resource = local.arns.logs }]
    read_incidents_stream = [{ Sid = "ReadIncidentEvents", Effect = "Allow", Action = local.stream_reads, Resource = local.arns.events }]

    # Lambda asks for it when it makes an event-source mapping; it tells names alone.
    list_streams = [{ Sid = "ListStreams", Effect = "Allow", Action = "kinesis:ListStreams", Resource = "*" }]

    # sweep looks at every shard for lines that wait for their end.
    list_log_shards = [{ Sid = "ListLogShards", Effect = "Allow", Action = "kinesis:ListShards", Resource = local.arns.logs }]

    publish_incidents = [{ Sid = "PublishIncidents", Effect = "Allow", Action = "kinesis:PutRecords", Resource = local.arns.events }]

    send_logs = [{ Sid = "SendLogs", Effect = "Allow", Action = "kinesis:PutRecords", Resource = local.arns.logs }]
  }

  firehose_grants = {
    firehose_reads = [{
      Sid      = "ReadLogs"
      Effect   = "Allow"
      Action   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      Resource = local.arns.logs
    }]

    firehose_logs = [{
      Sid      = "LogOwnErrors"
      Effect   = "Allow"
      Action   = "logs:PutLogEvents"
      Resource = "arn:aws:logs:${local.here}:log-group:/aws/kinesisfirehose/${var.name}:log-stream:*"
    }]

    firehose_writes_raw      = concat(local.firehose_bucket, local.firehose_objects["raw/*"], local.firehose_objects["firehose-failed/raw/*"])
    firehose_writes_failures = concat(local.firehose_bucket, local.firehose_objects["firehose-failed/search/*"])

    firehose_enriches = [{
      Sid      = "Enrich"
      Effect   = "Allow"
      Action   = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
      Resource = [local.arns.function["enrich"], "${local.arns.function["enrich"]}:*"]
    }]

    firehose_indexes = [
      {
        Sid      = "LookAtDomain"
        Effect   = "Allow"
        Action   = ["es:DescribeDomain", "es:DescribeDomainConfig", "es:DescribeDomains"]
        Resource = [local.arns.search, "${local.arns.search}/*"]
      },
      {
        Sid      = "Index"
        Effect   = "Allow"
        Action   = ["es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut"]
        Resource = "${local.arns.search}/*"
      },
    ]
  }

  firehose_bucket = [{
    Sid      = "LookAtBucket"
    Effect   = "Allow"
    Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    Resource = local.arns.bucket
  }]

  firehose_objects = { for prefix in ["raw/*", "firehose-failed/raw/*", "firehose-failed/search/*"] : prefix => [{
    Sid      = "Write${replace(title(replace(prefix, "/[^a-z]/", " ")), " ", "")}"
    Effect   = "Allow"
    Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    Resource = "${local.arns.bucket}/${prefix}"
  }] }
}

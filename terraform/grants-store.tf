# Permissions on the bucket and on the table.

# ---------------------------------------------------------------- Facts

locals {
  store_grants = {
    read_items   = [{ Sid = "ReadItems", Effect = "Allow", Action = "dynamodb:GetItem", Resource = local.arns.incidents }]
    write_items  = [{ Sid = "WriteItems", Effect = "Allow", Action = "dynamodb:PutItem", Resource = local.arns.incidents }]
    count_spent  = [{ Sid = "CountSpent", Effect = "Allow", Action = "dynamodb:UpdateItem", Resource = local.arns.incidents }]
    give_up_mark = [{ Sid = "GiveUpMark", Effect = "Allow", Action = "dynamodb:DeleteItem", Resource = local.arns.incidents }]
    find_items   = [{ Sid = "FindItems", Effect = "Allow", Action = "dynamodb:Query", Resource = "${local.arns.incidents}/index/by-status" }]

    write_quarantine = [{ Sid = "Quarantine", Effect = "Allow", Action = "s3:PutObject", Resource = "${local.arns.bucket}/quarantine/*" }]
    write_new_errors = [{ Sid = "KeepNewErrors", Effect = "Allow", Action = "s3:PutObject", Resource = "${local.arns.bucket}/new_errors/*" }]

    read_learnt = [
      {
        Sid      = "ReadLearnt"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = ["${local.arns.bucket}/books/*", "${local.arns.bucket}/knowledge/*"]
      },
      { # without it S3 answers 403, not 404, to a version that is not there
        Sid       = "FindLearnt"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = local.arns.bucket
        Condition = { StringLike = { "s3:prefix" = ["books/*", "knowledge/*"] } }
      },
    ]

    # Lambda itself puts what a function gave up on there, under the prefix it chooses.
    keep_failed_batches = [
      {
        Sid       = "KeepFailedBatches"
        Effect    = "Allow"
        Action    = "s3:PutObject"
        Resource  = "${local.arns.bucket}/aws/lambda/*"
        Condition = { StringEquals = { "s3:ResourceAccount" = local.account } }
      },
      {
        Sid       = "FindFailedBatches"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = local.arns.bucket
        Condition = { StringEquals = { "s3:ResourceAccount" = local.account } }
      },
    ]

    read_lines = [
      {
        Sid      = "ReadLines"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = [for prefix in ["raw", "new_errors", "books", "knowledge"] : "${local.arns.bucket}/${prefix}/*"]
      },
      {
        Sid       = "FindLines"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = local.arns.bucket
        Condition = { StringLike = { "s3:prefix" = ["raw/*", "new_errors/*", "books/*", "knowledge/*"] } }
      },
    ]

    write_learnt = [{
      Sid      = "WriteLearnt"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = ["${local.arns.bucket}/books/*", "${local.arns.bucket}/knowledge/*"]
    }]

    read_task_logs = [
      { Sid = "ReadTaskLogs", Effect = "Allow", Action = "s3:GetObject", Resource = "${local.arns.bucket}/airflow-logs/*" },
      {
        Sid       = "FindTaskLogs"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = local.arns.bucket
        Condition = { StringLike = { "s3:prefix" = "airflow-logs/*" } }
      },
    ]

    # Airflow appends to a log by reading it first.
    write_task_logs = [{
      Sid      = "WriteTaskLogs"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "${local.arns.bucket}/airflow-logs/*"
    }]
  }
}

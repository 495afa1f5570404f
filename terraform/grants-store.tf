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

    # What was learnt and released: books and knowledge.
    read_releases = local.reads["releases"]

    # The rules of alerts, docs/alerts.md.
    read_config = local.reads["config"]

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

    # The nightly jobs: from lines, new errors and what people said to a release, by way of their own notes.
    read_lessons = local.reads["lessons"]

    write_learnt = [{
      Sid      = "WriteLearnt"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = [for prefix in ["learning", "releases", "reports"] : "${local.arns.bucket}/${prefix}/*"]
    }]

    # Retention: what steps made, and releases that are neither in force nor were just before.
    drop_learnt = [{
      Sid      = "DropLearnt"
      Effect   = "Allow"
      Action   = "s3:DeleteObject"
      Resource = [for prefix in ["learning", "releases"] : "${local.arns.bucket}/${prefix}/*"]
    }]

    read_task_logs = local.reads["task-logs"]

    # Airflow looks for a log before it writes one, and gives up on any answer but 404 of a new one.
    write_task_logs = concat(local.reads["task-logs"], [{
      Sid      = "WriteTaskLogs"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = "${local.arns.bucket}/airflow-logs/*"
    }])
  }

  read_prefixes = {
    config    = ["config"]
    lessons   = ["learning", "new_errors", "raw", "releases", "reports"]
    releases  = ["releases"]
    task-logs = ["airflow-logs"]
  }

  # Who may not list is told 403, not 404, of an object that is not there.
  reads = { for name, prefixes in local.read_prefixes : name => [
    {
      Sid      = "Read${replace(title(name), "-", "")}"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = [for prefix in prefixes : "${local.arns.bucket}/${prefix}/*"]
    },
    {
      Sid       = "Find${replace(title(name), "-", "")}"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local.arns.bucket
      Condition = { StringLike = { "s3:prefix" = [for prefix in prefixes : "${prefix}/*"] } }
    },
  ] }
}

# What the functions run as. Chalice deploys their code; roles, log groups and limits are made here.

# ---------------------------------------------------------------- Facts

locals {
  # Who may do what. A test compares each line with the calls the function makes.
  function_grants = {
    analyze = [
      "list_streams", "read_logs", "read_items", "write_items", "find_items", "publish_incidents", "write_quarantine", "read_releases",
      "keep_failed_batches",
    ]
    diagnose = [
      "list_streams", "read_incidents_stream", "read_items", "write_items", "count_spent", "give_up_mark", "publish_incidents",
      "write_new_errors", "write_quarantine", "read_releases", "read_secret_milvus", "read_secret_openai", "join_vpc", "keep_failed_batches",
    ]
    alert = [
      "list_streams", "read_incidents_stream", "read_items", "write_items", "write_quarantine", "read_config", "read_releases",
      "read_secret_slack", "send_mail", "keep_failed_batches",
    ]
    enrich = ["read_releases"]
    sweep = [ # it releases what waits on a silent shard as analyze would, and sends what alert could not
      "list_log_shards", "read_items", "write_items", "find_items", "publish_incidents", "write_quarantine", "read_config",
      "read_releases", "read_secret_slack", "send_mail",
    ]
    api = [ # takes Slack's buttons
      "read_items", "write_items", "find_items", "give_up_mark", "publish_incidents", "read_config", "read_releases", "read_secret_slack",
    ]
  }
}

# ---------------------------------------------------------------- Resources

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:counts and redacted errors; CloudWatch encrypts them with its own key
  #checkov:skip=CKV_AWS_338:30 days of what functions say; the lines they read are in S3 for a year
  for_each = local.functions

  name              = "/aws/lambda/${local.function_names[each.key]}"
  retention_in_days = 30
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name        = "${var.name}-${each.key}"
  description = "The function ${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  permissions_boundary = local.arns.boundary["workload"]

  depends_on = [aws_iam_policy.boundary]
}

resource "aws_iam_role_policy" "function" {
  for_each = local.function_grants

  name = "grants"
  role = aws_iam_role.function[each.key].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "LogOwnWork"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:aws:logs:${local.here}:log-group:/aws/lambda/${local.function_names[each.key]}:*"
      }],
      flatten([for grant in concat(["trace"], each.value) : local.grants[grant]]),
    )
  })
}

# ---------------------------------------------------------------- Outputs

output "chalice" {
  description = "What src/cali_ops/chalice_config.py writes .chalice/config.json from."
  value = merge(local.given_settings, {
    app_name           = var.name
    stage              = var.chalice_stage
    role_arns          = { for function, role in aws_iam_role.function : function => role.arn }
    subnet_ids         = [for zone in local.zones : aws_subnet.private[zone].id]
    security_group_ids = [aws_security_group.functions.id]

    logs_stream           = aws_kinesis_stream.logs.name
    incidents_stream      = aws_kinesis_stream.incidents.name
    incidents_table       = aws_dynamodb_table.incidents.name
    bucket                = module.logs.name
    cluster               = aws_eks_cluster.main.name
    milvus_uri            = "http://${aws_lb.milvus.dns_name}:${local.milvus_port}"
    secrets               = { for secret, entry in aws_secretsmanager_secret.entry : secret => entry.name }
    model_dollars_per_day = var.model_dollars_per_day
    reserve_concurrency   = var.reserve_concurrency
  })
}

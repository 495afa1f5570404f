# Alarms and their notifications. alarm-rules.tf lists the alarms; each name is a heading in docs/operations.md.

# ---------------------------------------------------------------- Settings

variable "alarm_emails" {
  description = "E-mail addresses that receive alarms. Each must confirm its subscription first."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", address))])
    error_message = "alarm_emails must be e-mail addresses."
  }
}

# ---------------------------------------------------------------- Resources

resource "aws_sns_topic" "alarms" {
  name              = local.names.alarms
  kms_master_key_id = aws_kms_key.main.arn # alarms cannot publish to a topic under the AWS managed key
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsPublish"
      Effect    = "Allow"
      Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = local.arns.alarms
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.alarm_emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_metric_alarm" "rule" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.means} See docs/operations.md, ${each.value.runbook}."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.below ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# A batch that a function gave up on becomes an object under aws/lambda/: S3 announces it, this counts it and keeps its key.
resource "aws_cloudwatch_event_rule" "failed_batch" {
  name        = "${var.name}-failed-batch"
  description = "Objects that Lambda wrote because a function gave up on a batch"
  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail      = { bucket = { name = [module.logs.name] }, object = { key = [{ prefix = "aws/lambda/" }] } }
  })
}

resource "aws_cloudwatch_event_target" "failed_batch" {
  rule = aws_cloudwatch_event_rule.failed_batch.name
  arn  = aws_cloudwatch_log_group.failed_batches.arn
}

resource "aws_cloudwatch_log_group" "failed_batches" {
  #checkov:skip=CKV_AWS_158:names of objects alone; CloudWatch encrypts them with its own key
  #checkov:skip=CKV_AWS_338:the objects themselves stay for a year
  name              = "/aws/events/${var.name}-failed-batches"
  retention_in_days = 30
}

resource "aws_cloudwatch_log_resource_policy" "failed_batches" {
  policy_name = "${var.name}-failed-batches"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EventsWrite"
      Effect    = "Allow"
      Principal = { Service = ["delivery.logs.amazonaws.com", "events.amazonaws.com"] }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "arn:aws:logs:${local.here}:log-group:/aws/events/${var.name}-failed-batches:*"
    }]
  })
}

# ---------------------------------------------------------------- Outputs

output "alarms_topic" {
  description = "Where alarms and the budget are published."
  value       = aws_sns_topic.alarms.arn
}

# Alarms and the budget.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "every_alarm_tells_somebody" {
  command = apply

  variables {
    alarm_emails = ["on-call@example.com"]
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.rule : alarm.alarm_actions == toset([aws_sns_topic.alarms.arn])])
    error_message = "every alarm must be published"
  }

  assert {
    condition = alltrue([for name in [
      "iterator-age-analyze", "iterator-age-diagnose", "iterator-age-alert", "errors-analyze", "errors-enrich", "throttles-diagnose",
      "failed-batches", "raw-late", "search-late", "search-refused", "search-red", "search-storage", "search-cpu", "table-throttled",
      "stream-behind", "stream-write-throttled", "milvus-unreachable", "model-spend", "sweep-failed",
    ] : contains(keys(aws_cloudwatch_metric_alarm.rule), name)])
    error_message = "an alarm is missing"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.rule["search-storage"].threshold == 4096 && aws_cloudwatch_metric_alarm.rule["search-storage"].comparison_operator == "LessThanThreshold"
    error_message = "storage must be told of when a fifth of it is left"
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.main.arn
    error_message = "the topic must be under a key that alarms may use"
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.failed_batch.event_pattern).detail.object.key == [{ prefix = "aws/lambda/" }]
    error_message = "batches that were given up on must be counted"
  }
}

run "fifty_dollars_a_day" {
  command = plan

  assert {
    condition     = aws_budgets_budget.day.limit_amount == "50" && aws_budgets_budget.day.time_unit == "DAILY" && aws_budgets_budget.day.limit_unit == "USD"
    error_message = "the budget must be $50 a day"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.rule["model-spend"].threshold == 5
    error_message = "the model's alarm must follow its budget"
  }
}

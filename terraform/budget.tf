# What all this may cost.

# ---------------------------------------------------------------- Settings

variable "budget_dollars_per_day" {
  description = "What the account may cost in a day before somebody is told."
  type        = number
  default     = 50

  validation {
    condition     = var.budget_dollars_per_day > 0
    error_message = "budget_dollars_per_day must be above 0."
  }
}

variable "model_dollars_per_day" {
  description = "What the model may cost in a day: the functions stop asking at it, and an alarm tells."
  type        = number
  default     = 5

  validation {
    condition     = var.model_dollars_per_day >= 0
    error_message = "model_dollars_per_day must not be negative."
  }
}

# ---------------------------------------------------------------- Resources

resource "aws_budgets_budget" "day" {
  name         = "${var.name}-day"
  budget_type  = "COST"
  limit_amount = tostring(var.budget_dollars_per_day)
  limit_unit   = "USD"
  time_unit    = "DAILY"

  dynamic "notification" {
    for_each = toset([80, 100])

    content {
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      notification_type         = "ACTUAL"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.alarms]
}

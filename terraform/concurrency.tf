# How many invocations the account runs at once, and whether functions keep some of them for themselves.

# ---------------------------------------------------------------- Settings

variable "reserve_concurrency" {
  description = "Whether diagnose, alert and sweep keep 16 concurrent invocations for themselves. AWS refuses that below 116 in the account."
  type        = bool
  default     = true
}

variable "concurrency_quota" {
  description = "How many concurrent Lambda invocations to ask AWS for; new accounts may have 10. 0 asks for nothing."
  type        = number
  default     = 0

  validation {
    condition     = var.concurrency_quota == 0 || (var.concurrency_quota >= 1000 && floor(var.concurrency_quota) == var.concurrency_quota)
    error_message = "concurrency_quota must be 0, or a whole number from 1000, Lambda's usual quota; AWS lowers none."
  }
}

# ---------------------------------------------------------------- Resources

# A request: AWS grants it in minutes or days, and a destroy takes nothing back.
resource "aws_servicequotas_service_quota" "concurrency" {
  count = var.concurrency_quota > 0 ? 1 : 0

  service_code = "lambda"
  quota_code   = "L-B99A9384" # concurrent executions
  value        = var.concurrency_quota
}

# ---------------------------------------------------------------- Outputs

output "concurrency" {
  description = "What functions keep for themselves, and what was asked of AWS. `make deploy` reserves nothing where the account has too little."
  value = {
    reserved = var.reserve_concurrency
    asked    = var.concurrency_quota
    status   = one(aws_servicequotas_service_quota.concurrency[*].request_status)
  }
}

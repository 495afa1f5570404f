# What functions and nightly jobs are told beside names: each attribute is the variable CALI_<NAME> of src/cali/core/settings.py.

# ---------------------------------------------------------------- Settings

variable "settings" {
  description = "Settings of the functions and of the nightly jobs, by the names of src/cali/core/settings.py in small letters. What is left out has the functions' own default."
  type = object({
    alert_from          = optional(string)
    alert_rules         = optional(string)
    alert_wait          = optional(number)
    calls_per_day       = optional(number)
    console_url         = optional(string)
    embedder            = optional(string)
    embedding_model     = optional(string)
    embedding_size      = optional(number)
    firehose_drop_below = optional(string)
    github_branch       = optional(string)
    github_folder       = optional(string)
    github_repository   = optional(string)
    language            = optional(string)
    learning_approval   = optional(string)
    learning_days       = optional(number)
    learning_keep_days  = optional(number)
    learning_post       = optional(string)
    learning_wrong      = optional(number)
    model               = optional(string)
    model_timeout       = optional(number)
    openai_base_url     = optional(string)
    quiet_after         = optional(number)
    settle              = optional(number)
    slack_channel       = optional(string)
  })
  default = {}

  validation {
    condition     = var.settings.alert_rules == null || can(regex("^config/[A-Za-z0-9._/-]+\\.ya?ml$", var.settings.alert_rules))
    error_message = "settings: alert_rules must be a key of the logs bucket such as config/alerts.yaml: functions may read config/ alone."
  }

  validation {
    condition     = var.settings.slack_channel == null || can(regex("^[CG][A-Z0-9]{8,}$", var.settings.slack_channel))
    error_message = "settings: slack_channel must be a channel's id such as C0123456789, not its name."
  }

  validation {
    condition     = alltrue([for level in compact([var.settings.alert_from, var.settings.firehose_drop_below]) : contains(local.severities, level)])
    error_message = "settings: alert_from and firehose_drop_below must be trace, debug, info, notice, warning, error or critical."
  }

  validation {
    condition     = alltrue([for url in compact([var.settings.console_url, var.settings.openai_base_url]) : can(regex("^https?://[^ ]+$", url))])
    error_message = "settings: console_url and openai_base_url must begin with http:// or https://."
  }

  validation {
    condition     = contains(["hashed", "openai"], coalesce(var.settings.embedder, "hashed"))
    error_message = "settings: embedder must be hashed or openai; the functions' layer has no other."
  }

  validation {
    condition     = contains(["auto", "manual", "pull-request"], coalesce(var.settings.learning_approval, "manual"))
    error_message = "settings: learning_approval must be auto, pull-request or manual."
  }

  validation {
    condition     = contains(["en", "ko"], coalesce(var.settings.language, "en"))
    error_message = "settings: language must be en or ko."
  }

  validation {
    condition = alltrue([for number in [
      var.settings.alert_wait, var.settings.calls_per_day, var.settings.embedding_size, var.settings.learning_days, var.settings.learning_keep_days,
      var.settings.learning_wrong, var.settings.model_timeout, var.settings.quiet_after, var.settings.settle,
    ] : coalesce(number, 0) >= 0])
    error_message = "settings: numbers must not be below 0."
  }
}

variable "alert_mail_identity" {
  description = "The address or domain, verified in SES, that alerts by mail come from. Functions may send as nothing else; empty: not at all."
  type        = string
  default     = ""

  validation {
    condition     = var.alert_mail_identity == "" || can(regex("^([^@ ]+@)?[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.alert_mail_identity))
    error_message = "alert_mail_identity must be a domain or an address."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  severities     = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
  given_settings = { for name, value in var.settings : name => value if value != null }
}

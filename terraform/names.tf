# Every name and ARN, composed in one place. A plan then shows each policy in full before anything exists.

# ---------------------------------------------------------------- Settings

variable "name" {
  description = "Begins every name. A second installation in the same account (another region, a rehearsal) takes another."
  type        = string
  default     = "cali"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.name)) && !endswith(var.name, "-")
    error_message = "name must be 2 to 16 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "region" {
  description = "The region of everything here."
  type        = string
  default     = "ap-northeast-2"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be a region's code, such as ap-northeast-2."
  }
}

variable "chalice_stage" {
  description = "The Chalice stage whose functions these roles, log groups and alarms belong to. `dev` is what a bare `chalice deploy` uses."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,15}$", var.chalice_stage))
    error_message = "chalice_stage must be 1 to 16 lower-case letters and digits, and begin with a letter."
  }
}

variable "tags" {
  description = "Tags put on everything, beside Project and ManagedBy."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags must not begin with aws:, which AWS keeps for itself."
  }
}

# ---------------------------------------------------------------- Facts

data "aws_caller_identity" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  here    = "${var.region}:${local.account}"

  names = {
    logs      = "${var.name}-logs-stream"
    events    = "${var.name}-incidents-stream"
    bucket    = "${var.name}-logs-${local.account}"
    access    = "${var.name}-access-logs-${local.account}"
    state     = "${var.name}-terraform-state-${local.account}"
    incidents = "${var.name}-incidents"
    search    = "${var.name}-search"
    cluster   = "${var.name}-cluster"
    raw       = "${var.name}-raw"
    indexed   = "${var.name}-search"
    alarms    = "${var.name}-alarms"
  }

  functions = toset(["alert", "analyze", "api", "diagnose", "enrich", "sweep"])

  # Chalice names the function behind its routes after app and stage alone.
  function_names = { for function in local.functions : function =>
    function == "api" ? "${var.name}-${var.chalice_stage}" : "${var.name}-${var.chalice_stage}-${function}"
  }

  arns = {
    logs      = "arn:aws:kinesis:${local.here}:stream/${local.names.logs}"
    events    = "arn:aws:kinesis:${local.here}:stream/${local.names.events}"
    bucket    = "arn:aws:s3:::${local.names.bucket}"
    access    = "arn:aws:s3:::${local.names.access}"
    state     = "arn:aws:s3:::${local.names.state}"
    incidents = "arn:aws:dynamodb:${local.here}:table/${local.names.incidents}"
    search    = "arn:aws:es:${local.here}:domain/${local.names.search}"
    cluster   = "arn:aws:eks:${local.here}:cluster/${local.names.cluster}"
    alarms    = "arn:aws:sns:${local.here}:${local.names.alarms}"
    role      = "arn:aws:iam::${local.account}:role/${var.name}"
    boundary  = { for kind in ["cluster", "runner", "workload"] : kind => "arn:aws:iam::${local.account}:policy/${var.name}-boundary-${kind}" }
    function  = { for function, name in local.function_names : function => "arn:aws:lambda:${local.here}:function:${name}" }
    # Secrets Manager ends each ARN with six characters of its own.
    secret = { for secret in local.secrets : secret => "arn:aws:secretsmanager:${local.here}:secret:${var.name}/${secret}-??????" }
  }
}

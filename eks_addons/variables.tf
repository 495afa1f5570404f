# Settings of all add-ons, and what the first root tells them.

# ---------------------------------------------------------------- Settings

variable "name" {
  description = "The installation's name, the same as in the first root."
  type        = string
  default     = "cali"
}

variable "region" {
  description = "The installation's region, the same as in the first root."
  type        = string
  default     = "ap-northeast-2"
}

variable "state_bucket" {
  description = "The bucket with the first root's state. `make addons` gives it."
  type        = string
}

variable "environment" {
  description = "Which values files are laid over values.yaml: `dev` or `prod`."
  type        = string
  default     = "dev"

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment must be dev or prod: the files values-dev.yaml and values-prod.yaml of each add-on."
  }
}

variable "image_tag" {
  description = "The tag of the project's own images, as `make images` pushed them."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "image_tag must be a tag that names one build, such as a commit; latest is refused."
  }
}

variable "storage_type" {
  description = "The type of volumes that the default storage class makes."
  type        = string
  default     = "gp3"

  validation {
    condition     = contains(["gp3", "gp2"], var.storage_type)
    error_message = "storage_type must be gp3 or gp2."
  }
}

variable "airflow_executor" {
  description = "The executor of Airflow, the same as in the first root: it decides which service account may do what tasks need."
  type        = string
  default     = "LocalExecutor"

  validation {
    condition     = contains(["LocalExecutor", "CeleryExecutor", "KubernetesExecutor"], var.airflow_executor)
    error_message = "airflow_executor must be LocalExecutor, CeleryExecutor or KubernetesExecutor."
  }
}

variable "dags_repository" {
  description = "The Git repository that Airflow takes its DAGs from, over https."
  type        = string

  validation {
    condition     = startswith(var.dags_repository, "https://")
    error_message = "dags_repository must begin with https://; for a private one put git_username and git_password into the secret airflow."
  }
}

variable "dags_revision" {
  description = "The branch, tag or commit of that repository."
  type        = string
  default     = "main"
}

variable "log_generator" {
  description = "Whether a small simulated shop writes logs, to see the whole pipeline at work."
  type        = bool
  default     = true
}

variable "consumer" {
  description = "Whether the worker runs in the cluster. It does what the functions do, so both together do it twice."
  type        = bool
  default     = false
}

variable "more_settings" {
  description = "CALI_* settings for the worker and for Airflow's tasks that the first root does not tell the functions, or tells them otherwise; such as CALI_GITHUB_REPOSITORY."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.more_settings) : startswith(name, "CALI_")])
    error_message = "more_settings: names must begin with CALI_."
  }
}

variable "secrets_revision" {
  description = "Raise it after a secret has changed in Secrets Manager: its new value is then put into the cluster."
  type        = number
  default     = 1
}

# ---------------------------------------------------------------- Facts

data "terraform_remote_state" "base" {
  backend = "s3"
  config = {
    bucket = var.state_bucket
    key    = "cali/terraform.tfstate"
    region = var.region
  }
}

data "aws_subnet" "private" {
  for_each = toset(local.base.private_subnet_ids)

  id = each.value
}

locals {
  base         = data.terraform_remote_state.base.outputs
  accounts     = local.base.service_accounts
  repositories = local.base.image_repositories
  node_cidrs   = sort([for subnet in data.aws_subnet.private : subnet.cidr_block])

  # What the first root tells the functions, under the same names (its variable `settings`).
  told = { for name in [
    "alert_from", "alert_rules", "alert_wait", "calls_per_day", "console_url", "embedder", "embedding_model", "embedding_size", "language",
    "model", "model_timeout", "openai_base_url", "quiet_after", "settle", "slack_channel",
  ] : "CALI_${upper(name)}" => tostring(local.base.chalice[name]) if can(tostring(local.base.chalice[name])) }

  # boto3 reads the second name alone. EKS would add both to a pod with a role, but only if neither is there.
  region = { AWS_REGION = var.region, AWS_DEFAULT_REGION = var.region }

  # What the worker and Airflow's tasks share with the functions.
  settings = merge({
    CALI_CLUSTER          = local.base.cluster.name
    CALI_LOGS_STREAM      = local.base.logs_stream.name
    CALI_INCIDENTS_STREAM = local.base.incidents_stream.name
    CALI_INCIDENTS_TABLE  = local.base.incidents_table
    CALI_LOGS_BUCKET      = local.base.logs_bucket
    CALI_MILVUS_URI       = "http://milvus.milvus.svc.cluster.local:19530"
    CALI_MILVUS_SECRET    = local.base.secrets.milvus
    CALI_OPENAI_SECRET    = local.base.secrets.openai
    CALI_SLACK_SECRET     = local.base.secrets.slack
    CALI_DOLLARS_PER_DAY  = tostring(local.base.chalice.model_dollars_per_day)
    CALI_EMBEDDER         = "hashed" # as in the functions: vectors of two embedders never mix
  }, local.told, var.more_settings)
}

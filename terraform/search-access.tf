# Who reaches OpenSearch. What they may do inside is set by `python -m cali_ops search-access`.

# ---------------------------------------------------------------- Settings

variable "search_cidrs" {
  description = "Where people, and `make infra` itself, may sign in to OpenSearch from, with user and password. One address block at least."
  type        = list(string)
  default     = []

  # The access step signs in right after an apply. Better no plan than half an installation.
  validation {
    condition     = length(var.search_cidrs) > 0 || var.runner_connection_arn != ""
    error_message = "search_cidrs is empty: OpenSearch would answer `make infra` with 403 after the apply. Name the address that you come from, such as [\"203.0.113.7/32\"]; https://checkip.amazonaws.com shows it."
  }

  validation {
    condition     = alltrue([for cidr in var.search_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "search_cidrs must be address blocks such as 203.0.113.7/32; the whole internet (/0) is refused."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  # The runner leaves the VPC by the NAT gateways.
  runner_cidrs = length(local.runner) == 0 ? [] : [for zone in local.nat_zones : "${aws_eip.nat[zone].public_ip}/32"]

  # Sign-in with user and password is anonymous to IAM; the address block and the domain's own roles guard it.
  people = [{
    Sid       = "PeopleSignIn"
    Effect    = "Allow"
    Principal = { AWS = "*" }
    Action    = ["es:ESHttpDelete", "es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPatch", "es:ESHttpPost", "es:ESHttpPut"]
    Resource  = "${local.arns.search}/*"
    Condition = { IpAddress = { "aws:SourceIp" = concat(var.search_cidrs, local.runner_cidrs) } }
  }]
}

# ---------------------------------------------------------------- Access

resource "aws_opensearch_domain_policy" "search" {
  domain_name = aws_opensearch_domain.search.domain_name
  access_policies = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "FirehoseIndexes"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.firehose["search"].arn }
        Action    = ["es:DescribeDomain", "es:DescribeDomainConfig", "es:DescribeDomains", "es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut"]
        Resource  = [local.arns.search, "${local.arns.search}/*"]
      },
      {
        Sid       = "GrafanaReads"
        Effect    = "Allow"
        Principal = { AWS = module.service_account["grafana"].arn }
        Action    = ["es:ESHttpGet", "es:ESHttpPost"]
        Resource  = "${local.arns.search}/*"
      },
    ], local.people)
  })
}

# The table that holds the truth about incidents, and what functions share: answers, spending, claims.

# ---------------------------------------------------------------- Settings

variable "protect_incidents" {
  description = "Whether DynamoDB refuses to delete the table. `make destroy` switches it off after the second yes."
  type        = bool
  default     = true
}

# ---------------------------------------------------------------- Resources

# The key, `pk`, begins with the kind of item; src/cali/adapters/aws/dynamodb_incidents.py has them. The index answers "which incidents of this status were heard of before ...".
resource "aws_dynamodb_table" "incidents" {
  #checkov:skip=CKV_AWS_119:encrypted with the AWS managed key; what is in it is redacted
  name                        = local.names.incidents
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  deletion_protection_enabled = var.protect_incidents

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "status"
    type = "S"
  }

  attribute {
    name = "heard_at"
    type = "N"
  }

  global_secondary_index {
    name            = "by-status"
    hash_key        = "status"
    range_key       = "heard_at"
    projection_type = "ALL"
  }

  ttl {
    enabled        = true
    attribute_name = "expires_at"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }
}

# ---------------------------------------------------------------- Outputs

output "incidents_table" {
  description = "The table of incidents."
  value       = aws_dynamodb_table.incidents.name
}

# Permissions of the pipeline's roles: which statements each has. What apply may do is in grants-apply*.tf, release in grants-release.tf.

# ---------------------------------------------------------------- Facts

locals {
  drawn_secrets = [for secret in ["airflow", "grafana", "milvus", "opensearch"] : local.arns.secret[secret]]

  pipeline_grants = {
    plan = { role = "plan", statements = concat(local.pipeline_state, local.deny_data, [{
      Sid      = "NoSecret"
      Effect   = "Deny"
      Action   = "secretsmanager:GetSecretValue"
      Resource = "*"
    }]) }

    apply-state = { role = "apply", statements = concat(local.pipeline_state, local.deny_data, [
      {
        Sid      = "WriteState"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:PutObject"]
        Resource = "${local.arns.state}/*"
      },
      { # `make infra` and `make addons` draw these and put them where they are used
        Sid      = "SecretsThatAreDrawn"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
        Resource = local.drawn_secrets
      },
      {
        Sid         = "NoOtherSecret"
        Effect      = "Deny"
        Action      = "secretsmanager:GetSecretValue"
        NotResource = local.drawn_secrets
      },
    ]) }

    apply-network = { role = "apply", statements = local.apply_network }
    apply-data    = { role = "apply", statements = local.apply_data }
    apply-watch   = { role = "apply", statements = local.apply_watch }
    apply-cluster = { role = "apply", statements = local.apply_cluster }
    apply-roles   = { role = "apply", statements = local.apply_roles }

    release = { role = "release", statements = concat(local.release_functions, local.release_images, local.release_record) }
  }

  release_record = [{ # what is deployed, and what Terraform made: what everybody who deploys shares
    Sid      = "Record"
    Effect   = "Allow"
    Action   = ["s3:GetObject", "s3:PutObject"]
    Resource = "${local.arns.state}/chalice/*"
    }, {
    Sid       = "LookForRecord"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.arns.state
    Condition = { StringLike = { "s3:prefix" = "chalice/*" } }
  }]

  pipeline_state = [{
    Sid      = "ReadState"
    Effect   = "Allow"
    Action   = ["s3:GetObject", "s3:ListBucket"]
    Resource = [local.arns.state, "${local.arns.state}/*"]
  }]

  # ReadOnlyAccess would read the lines of customers, and other people's parameters and messages, too.
  deny_data = [
    { Sid = "NotTheLines", Effect = "Deny", Action = "s3:GetObject*", NotResource = "${local.arns.state}/*" },
    {
      Sid    = "NotTheData"
      Effect = "Deny"
      Action = [
        "athena:GetQueryResults*", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:GetRecords", "dynamodb:PartiQLSelect",
        "dynamodb:Query", "dynamodb:ReadDataForReplication", "dynamodb:Scan", "es:ESHttp*", "kinesis:GetRecords", "logs:FilterLogEvents",
        "logs:GetLog*", "logs:GetQueryResults", "logs:StartLiveTail", "logs:StartQuery", "sqs:ReceiveMessage", "ssm:GetParameter*",
      ]
      Resource = "*"
    },
  ]
}

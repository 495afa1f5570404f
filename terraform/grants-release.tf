# Permissions of the role that releases: images, layers, and what `chalice deploy` calls. The functions and their API are named: it can
# neither change another function, which may have a better role, nor another API. A person deploys first.

# ---------------------------------------------------------------- Settings

variable "rest_api_id" {
  description = "The API that the first `make deploy` made, which the role that releases may change from then on. Empty: none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9]{10})?$", var.rest_api_id))
    error_message = "rest_api_id must be the ten small letters and digits of an API's id, or empty."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  own_functions = values(local.arns.function)
  own_api       = [for id in compact([var.rest_api_id]) : "arn:aws:apigateway:${var.region}::/restapis/${id}"]

  release_functions = concat([
    {
      Sid    = "Functions"
      Effect = "Allow"
      Action = [
        "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:GetFunction",
        "lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration", "lambda:GetPolicy", "lambda:InvokeFunction", "lambda:ListTags", "lambda:PutFunctionConcurrency",
        "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
      ]
      Resource = local.own_functions
    },
    {
      Sid       = "Mappings"
      Effect    = "Allow"
      Action    = ["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
      Resource  = "arn:aws:lambda:${local.here}:event-source-mapping:*"
      Condition = { ArnLike = { "lambda:FunctionArn" = local.own_functions } }
    },
    {
      Sid      = "Layers"
      Effect   = "Allow"
      Action   = ["lambda:GetLayerVersion", "lambda:ListLayerVersions", "lambda:PublishLayerVersion"]
      Resource = ["arn:aws:lambda:${local.here}:layer:${var.name}-dependencies", "arn:aws:lambda:${local.here}:layer:${var.name}-dependencies:*"]
    },
    {
      Sid      = "LookAtMappings"
      Effect   = "Allow"
      Action   = ["lambda:GetAccountSettings", "lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings", "lambda:ListFunctions", "lambda:ListLayers"]
      Resource = "*"
    },
    { # Lambda asks it of who puts a function into a VPC, beside the function's own role
      Sid      = "LookAtVpc"
      Effect   = "Allow"
      Action   = ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]
      Resource = "*"
    },
    {
      Sid      = "Schedule"
      Effect   = "Allow"
      Action   = ["events:DeleteRule", "events:DescribeRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"]
      Resource = "arn:aws:events:${local.here}:rule/${var.name}-${var.chalice_stage}-sweep-event"
    },
    {
      Sid      = "LookAtRoles"
      Effect   = "Allow"
      Action   = "iam:GetRole"
      Resource = [for function in local.functions : "${local.arns.role}-${function}"]
    },
    {
      Sid       = "PassRoles"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = [for function in local.functions : "${local.arns.role}-${function}"]
      Condition = { StringEquals = { "iam:PassedToService" = "lambda.amazonaws.com" } }
    },
    ], length(local.own_api) == 0 ? [] : [{
      Sid      = "Api"
      Effect   = "Allow"
      Action   = ["apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"]
      Resource = flatten([for api in local.own_api : [api, "${api}/*"]])
  }])

  release_images = [
    { Sid = "SignIn", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
    {
      Sid    = "PushImages"
      Effect = "Allow"
      Action = [
        "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImageScanFindings", "ecr:DescribeImages",
        "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
      ]
      Resource = [for image in local.images : "arn:aws:ecr:${local.here}:repository/${var.name}/${image}"]
    },
  ]
}

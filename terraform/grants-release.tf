# Permissions of the role that releases: images, layers, and what `chalice deploy` calls.

# ---------------------------------------------------------------- Facts

locals {
  own_functions = "arn:aws:lambda:${local.here}:function:${var.name}-${var.chalice_stage}*"

  release_functions = [
    {
      Sid    = "Functions"
      Effect = "Allow"
      Action = [
        "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:GetFunction",
        "lambda:GetFunctionConfiguration", "lambda:GetPolicy", "lambda:InvokeFunction", "lambda:ListTags", "lambda:PutFunctionConcurrency",
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
      Resource = ["arn:aws:lambda:${local.here}:layer:${var.name}-*", "arn:aws:lambda:${local.here}:layer:${var.name}-*:*"]
    },
    {
      Sid      = "LookAtMappings"
      Effect   = "Allow"
      Action   = ["lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings", "lambda:ListFunctions", "lambda:ListLayers"]
      Resource = "*"
    },
    {
      Sid      = "Api"
      Effect   = "Allow"
      Action   = ["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"]
      Resource = ["arn:aws:apigateway:${var.region}::/restapis", "arn:aws:apigateway:${var.region}::/restapis/*"]
    },
    {
      Sid      = "Schedule"
      Effect   = "Allow"
      Action   = ["events:DeleteRule", "events:DescribeRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"]
      Resource = "arn:aws:events:${local.here}:rule/${var.name}-${var.chalice_stage}-*"
    },
    {
      Sid       = "PassRoles"
      Effect    = "Allow"
      Action    = ["iam:GetRole", "iam:PassRole"]
      Resource  = [for function in local.functions : "${local.arns.role}-${function}"]
      Condition = { StringEqualsIfExists = { "iam:PassedToService" = "lambda.amazonaws.com" } }
    },
  ]

  release_images = [
    { Sid = "SignIn", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" },
    {
      Sid    = "PushImages"
      Effect = "Allow"
      Action = [
        "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImageScanFindings", "ecr:DescribeImages",
        "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
      ]
      Resource = "arn:aws:ecr:${local.here}:repository/${var.name}/*"
    },
  ]
}

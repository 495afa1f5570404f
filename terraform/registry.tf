# Image repositories.

# ---------------------------------------------------------------- Facts

locals {
  images = toset(["airflow-custom", "consumer", "grafana-custom", "log-generator"])
}

# ---------------------------------------------------------------- Resources

# Images are built again from the repository at any commit, so a destroy may delete them.
resource "aws_ecr_repository" "image" {
  #checkov:skip=CKV_AWS_136:AES256 as ECR does it; the images hold no secret
  for_each = local.images

  name                 = "${var.name}/${each.key}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = true

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "image" {
  for_each = aws_ecr_repository.image

  repository = each.value.name
  policy = jsonencode({ rules = [
    {
      rulePriority = 1
      description  = "Layers that no tag names"
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
      action       = { type = "expire" }
    },
    {
      rulePriority = 2
      description  = "All but the newest 20"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
      action       = { type = "expire" }
    },
  ] })
}

# ---------------------------------------------------------------- Outputs

output "image_repositories" {
  description = "Where images are pushed."
  value       = { for image, repository in aws_ecr_repository.image : image => repository.repository_url }
}

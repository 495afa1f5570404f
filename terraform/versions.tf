# What this root needs. No provider but aws: OIDC needs no thumbprint, and packages are built by other tools.

terraform {
  required_version = ">= 1.10" # S3 locking without a table

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.95, < 7.0" # what version 6 removed is not used
    }
  }

  # Bucket and region come from `terraform init -backend-config=...`; docs/operations.md shows the one command.
  backend "s3" {
    key          = "cali/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, { Project = var.name, ManagedBy = "terraform" }) # permissions go by Project
  }
}

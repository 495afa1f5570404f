# What this root needs, and every chart and image version, once.

terraform {
  required_version = ">= 1.11" # write-only arguments: no secret's value gets into the state

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0" # the ephemeral token of a cluster
    }
    helm = {
      source  = "hashicorp/helm"
      version = "~> 3.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 3.0" # data_wo
    }
  }

  # Bucket and region come from `terraform init -backend-config=...`, as in the first root; `make addons` gives them.
  backend "s3" {
    key          = "cali/eks-addons.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

# ---------------------------------------------------------------- Facts

locals {
  charts = {
    airflow            = { version = "1.22.0", repository = "https://airflow.apache.org" }
    cluster-autoscaler = { version = "9.59.0", repository = "https://kubernetes.github.io/autoscaler" }
    fluent-bit         = { version = "0.58.1", repository = "https://fluent.github.io/helm-charts" }
    grafana            = { version = "12.11.1", repository = "https://grafana-community.github.io/helm-charts" }
    milvus             = { version = "5.0.19", repository = "https://zilliztech.github.io/milvus-helm" }
  }

  # The cluster-autoscaler simulates the scheduler of its own Kubernetes version, so it must have the cluster's.
  autoscaler_images = { "1.34" = "v1.34.4", "1.35" = "v1.35.1", "1.36" = "v1.36.1" }
}

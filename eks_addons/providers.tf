# Who this root speaks to: AWS, and the cluster of the first root with a token that lives for minutes.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = var.name, ManagedBy = "terraform" }
  }
}

data "aws_eks_cluster_auth" "main" {
  name = local.base.cluster.name
}

provider "kubernetes" {
  host                   = local.base.cluster.endpoint
  cluster_ca_certificate = base64decode(local.base.cluster.ca)
  token                  = data.aws_eks_cluster_auth.main.token
}

provider "helm" {
  kubernetes = {
    host                   = local.base.cluster.endpoint
    cluster_ca_certificate = base64decode(local.base.cluster.ca)
    token                  = data.aws_eks_cluster_auth.main.token
  }
}

# Who this root speaks to: AWS, and the cluster of the first root with a token that lives for a quarter of an hour.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = var.name, ManagedBy = "terraform" }
  }
}

# Not a data source: that one would be read with the plan, kept in it, and be too old when somebody has thought about the plan.
ephemeral "aws_eks_cluster_auth" "main" {
  name = local.base.cluster.name
}

provider "kubernetes" {
  host                   = local.base.cluster.endpoint
  cluster_ca_certificate = base64decode(local.base.cluster.ca)
  token                  = ephemeral.aws_eks_cluster_auth.main.token
}

provider "helm" {
  kubernetes = {
    host                   = local.base.cluster.endpoint
    cluster_ca_certificate = base64decode(local.base.cluster.ca)
    token                  = ephemeral.aws_eks_cluster_auth.main.token
  }
}

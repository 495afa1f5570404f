# What a node itself may do: join the cluster and pull images. Pods have roles of their own (identity.tf).

# ---------------------------------------------------------------- Access

resource "aws_iam_role" "node" {
  name        = "${var.name}-eks-node"
  description = "Nodes: join the cluster and pull images"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  permissions_boundary = local.arns.boundary["cluster"]

  depends_on = [aws_iam_policy.boundary]
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy"])

  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}

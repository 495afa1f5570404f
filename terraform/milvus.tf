# How functions reach Milvus in the cluster: an internal load balancer in front of a node port. It is made here and not
# by Kubernetes, so its name is known before Milvus is installed and nothing unknown to Terraform blocks a destroy.

# ---------------------------------------------------------------- Settings

variable "milvus_node_port" {
  description = "The node port of the Milvus service. The add-on's values must name the same one."
  type        = number
  default     = 31953

  validation {
    condition     = var.milvus_node_port >= 30000 && var.milvus_node_port <= 32767
    error_message = "milvus_node_port must lie between 30000 and 32767, where Kubernetes puts node ports."
  }
}

# ---------------------------------------------------------------- Facts

locals {
  milvus_port = 19530
}

# ---------------------------------------------------------------- Resources

resource "aws_security_group" "functions" {
  #checkov:skip=CKV2_AWS_5:Chalice attaches it to the functions
  name        = "${var.name}-functions"
  description = "Functions that search Milvus."
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-functions" }

  timeouts {
    delete = "45m" # Lambda keeps its network interfaces for up to 40 minutes after the function is gone
  }
}

resource "aws_security_group" "milvus" {
  name        = "${var.name}-milvus"
  description = "The internal load balancer of Milvus."
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-milvus" }
}

resource "aws_vpc_security_group_egress_rule" "functions_to_milvus" {
  security_group_id            = aws_security_group.functions.id
  description                  = "Search"
  referenced_security_group_id = aws_security_group.milvus.id
  ip_protocol                  = "tcp"
  from_port                    = local.milvus_port
  to_port                      = local.milvus_port
}

resource "aws_vpc_security_group_egress_rule" "functions_to_services" {
  security_group_id = aws_security_group.functions.id
  description       = "AWS services and the model, all of them HTTPS on addresses that change"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "milvus_from_functions" {
  security_group_id            = aws_security_group.milvus.id
  description                  = "Search from functions"
  referenced_security_group_id = aws_security_group.functions.id
  ip_protocol                  = "tcp"
  from_port                    = local.milvus_port
  to_port                      = local.milvus_port
}

resource "aws_vpc_security_group_egress_rule" "milvus_to_nodes" {
  security_group_id            = aws_security_group.milvus.id
  description                  = "To the node port, health checks included"
  referenced_security_group_id = aws_eks_cluster.main.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.milvus_node_port
  to_port                      = var.milvus_node_port
}

resource "aws_vpc_security_group_ingress_rule" "nodes_from_milvus" {
  security_group_id            = aws_eks_cluster.main.vpc_config[0].cluster_security_group_id
  description                  = "Milvus from its load balancer"
  referenced_security_group_id = aws_security_group.milvus.id
  ip_protocol                  = "tcp"
  from_port                    = var.milvus_node_port
  to_port                      = var.milvus_node_port
}

resource "aws_lb" "milvus" {
  #checkov:skip=CKV_AWS_91:a network balancer logs TLS listeners only, and this one passes gRPC through
  #checkov:skip=CKV_AWS_150:it holds no data, and protection would block a clean destroy
  name                             = "${var.name}-milvus"
  internal                         = true
  load_balancer_type               = "network"
  subnets                          = [for zone in local.zones : aws_subnet.private[zone].id]
  security_groups                  = [aws_security_group.milvus.id]
  enable_cross_zone_load_balancing = true # Milvus runs in one zone; a function may run in any

  tags = { Name = "${var.name}-milvus" }
}

resource "aws_lb_target_group" "milvus" {
  #checkov:skip=CKV_AWS_378:TCP carries gRPC; TLS, when switched on, ends in Milvus
  name        = "${var.name}-milvus"
  port        = var.milvus_node_port
  protocol    = "TCP"
  target_type = "instance"
  vpc_id      = aws_vpc.main.id

  health_check {
    protocol            = "TCP"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "milvus" {
  load_balancer_arn = aws_lb.milvus.arn
  port              = local.milvus_port
  protocol          = "TCP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.milvus.arn
  }
}

# Milvus lives on the nodes that keep state; they register themselves as they come and go.
resource "aws_autoscaling_attachment" "milvus" {
  #checkov:skip=CKV2_AWS_15:a node without Milvus' port is no broken node; Kubernetes judges nodes
  autoscaling_group_name = aws_eks_node_group.state.resources[0].autoscaling_groups[0].name
  lb_target_group_arn    = aws_lb_target_group.milvus.arn
}

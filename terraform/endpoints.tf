# Ways to AWS services that do not pass the NAT gateway.

# ---------------------------------------------------------------- Settings

variable "interface_endpoints" {
  description = <<-EOT
    Services to reach through an interface endpoint in each zone. Each costs about $0.31 a day and zone and saves about
    $0.05 a GB of NAT traffic: in two zones worth it above some 13 GB a day. docs/operations.md has the sum.
  EOT
  type        = set(string)
  default     = []

  validation {
    condition = length(setsubtract(var.interface_endpoints, [
      "ec2", "ecr.api", "ecr.dkr", "eks", "kinesis-streams", "logs", "secretsmanager", "sts"
    ])) == 0
    error_message = "interface_endpoints may hold ec2, ecr.api, ecr.dkr, eks, kinesis-streams, logs, secretsmanager and sts."
  }
}

# ---------------------------------------------------------------- Resources

# Gateway endpoints cost nothing, and image layers and raw logs are the bulk of what nodes fetch.
resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  vpc_id            = aws_vpc.main.id
  service_name      = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for zone in local.zones : aws_route_table.private[zone].id]

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for zone in local.zones : aws_subnet.private[zone].id]
  security_group_ids  = [aws_security_group.endpoints[0].id]

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_security_group" "endpoints" {
  count = length(var.interface_endpoints) > 0 ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Interface endpoints: HTTPS from the VPC."
  vpc_id      = aws_vpc.main.id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_vpc" {
  count = length(var.interface_endpoints) > 0 ? 1 : 0

  security_group_id = aws_security_group.endpoints[0].id
  description       = "HTTPS from the VPC"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

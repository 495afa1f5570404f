# The VPC: public subnets for the gateway to the internet, private ones for nodes and functions.

# ---------------------------------------------------------------- Settings

variable "vpc_cidr" {
  description = "The addresses of the VPC. A /16 leaves each private subnet a /19, which prefix delegation needs."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && can(regex("/(1[6-9]|20)$", var.vpc_cidr))
    error_message = "vpc_cidr must be an IPv4 block between /16 and /20, such as 10.20.0.0/16."
  }
}

variable "zone_count" {
  description = "How many zones to use: two are the least EKS takes, three survive the loss of one with more room."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count must be 2 or 3."
  }
}

variable "nat_gateways" {
  description = "`one` NAT gateway for all zones, or one `per_zone`, which survives the loss of a zone and costs as much again for each."
  type        = string
  default     = "one"

  validation {
    condition     = contains(["one", "per_zone"], var.nat_gateways)
    error_message = "nat_gateways must be \"one\" or \"per_zone\"."
  }
}

# ---------------------------------------------------------------- Facts

# The first zones by name. Not only those in good health: a zone in trouble must not move subnets.
data "aws_availability_zones" "open" {
  #checkov:skip=CKV_AWS_394:a new zone's name comes after those in use

  filter { # no local or wavelength zones, where EKS has no control plane
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  zones     = slice(sort(data.aws_availability_zones.open.names), 0, var.zone_count)
  nat_zones = var.nat_gateways == "one" ? slice(local.zones, 0, 1) : local.zones

  public_cidrs  = { for index, zone in local.zones : zone => cidrsubnet(var.vpc_cidr, 4, index) }
  private_cidrs = { for index, zone in local.zones : zone => cidrsubnet(var.vpc_cidr, 3, index + 4) }
}

# ---------------------------------------------------------------- Resources

resource "aws_vpc" "main" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Nothing uses the default group; emptied, it grants nothing to what lands in it by mistake.
resource "aws_default_security_group" "unused" {
  vpc_id = aws_vpc.main.id
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id

  tags = { Name = var.name }
}

resource "aws_subnet" "public" {
  for_each = local.public_cidrs

  vpc_id                  = aws_vpc.main.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-public-${each.key}", "kubernetes.io/role/elb" = "1" }
}

resource "aws_subnet" "private" {
  for_each = local.private_cidrs

  vpc_id            = aws_vpc.main.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-private-${each.key}", "kubernetes.io/role/internal-elb" = "1" }

  timeouts {
    delete = "45m" # as long as Lambda keeps its network interfaces, see milvus.tf
  }
}

resource "aws_eip" "nat" {
  #checkov:skip=CKV2_AWS_19:the address belongs to a NAT gateway, which the check does not look for behind for_each
  for_each = toset(local.nat_zones)

  domain = "vpc"

  tags = { Name = "${var.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "zone" {
  for_each = toset(local.nat_zones)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}-${each.key}" }

  depends_on = [aws_internet_gateway.main]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }

  tags = { Name = "${var.name}-public" }
}

resource "aws_route_table" "private" {
  for_each = toset(local.zones)

  vpc_id = aws_vpc.main.id

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.zone[contains(local.nat_zones, each.key) ? each.key : local.nat_zones[0]].id
  }

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

# Refused traffic alone: it shows scans and missing rules, and costs cents where all traffic costs dollars.
resource "aws_flow_log" "refused" {
  vpc_id               = aws_vpc.main.id
  traffic_type         = "REJECT"
  log_destination_type = "s3"
  log_destination      = "${module.access_logs.arn}/vpc-flow/"

  tags = { Name = "${var.name}-refused" }

  depends_on = [module.access_logs] # its policy lets the log service write
}

# ---------------------------------------------------------------- Outputs

output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.main.id
}

output "private_subnet_ids" {
  description = "Where nodes and the functions that need Milvus run."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

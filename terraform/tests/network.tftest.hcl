# The VPC: zones, gateways, endpoints.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "two_zones_and_one_nat_gateway" {
  command = plan

  assert {
    condition     = length(aws_subnet.private) == 2 && length(aws_subnet.public) == 2
    error_message = "by default there must be a public and a private subnet in each of two zones"
  }

  assert {
    condition     = length(aws_nat_gateway.zone) == 1 && length(aws_route_table.private) == 2
    error_message = "by default one NAT gateway must serve the private subnets of both zones"
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch == false])
    error_message = "nothing may get a public address by itself"
  }

  assert {
    condition = length(distinct(concat(
      [for subnet in aws_subnet.public : subnet.cidr_block], [for subnet in aws_subnet.private : subnet.cidr_block]
    ))) == 4
    error_message = "subnets must not share addresses"
  }

  assert {
    condition     = sort([for subnet in aws_subnet.private : subnet.cidr_block]) == tolist(["10.20.128.0/19", "10.20.160.0/19"])
    error_message = "private subnets must be as large as prefix delegation needs"
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.gateway)) == toset(["dynamodb", "s3"]) && length(aws_vpc_endpoint.interface) == 0
    error_message = "by default there must be the free gateway endpoints and no interface endpoint"
  }

  assert {
    condition     = aws_flow_log.refused.traffic_type == "REJECT" && aws_flow_log.refused.log_destination_type == "s3"
    error_message = "refused traffic must be logged to S3"
  }
}

run "three_zones_with_a_gateway_each" {
  command = plan

  variables {
    zone_count          = 3
    nat_gateways        = "per_zone"
    interface_endpoints = ["ecr.api", "sts"]
  }

  assert {
    condition     = length(aws_subnet.private) == 3 && length(aws_nat_gateway.zone) == 3
    error_message = "three zones must have a NAT gateway each when asked for"
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["ecr.api", "sts"]) && length(aws_security_group.endpoints) == 1
    error_message = "the interface endpoints named must be made, behind one security group"
  }
}

run "functions_reach_milvus_and_nothing_else_does" {
  command = apply # references by id are known only then

  assert {
    condition     = aws_lb.milvus.internal && aws_lb.milvus.load_balancer_type == "network"
    error_message = "Milvus must have an internal network load balancer"
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.milvus_from_functions.referenced_security_group_id == aws_security_group.functions.id
      && aws_vpc_security_group_ingress_rule.milvus_from_functions.cidr_ipv4 == null
      && aws_vpc_security_group_ingress_rule.milvus_from_functions.from_port == 19530
    )
    error_message = "the balancer must take Milvus' port from the functions' security group alone"
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.nodes_from_milvus.referenced_security_group_id == aws_security_group.milvus.id
      && aws_vpc_security_group_ingress_rule.nodes_from_milvus.from_port == 31953
    )
    error_message = "nodes must take the node port from the balancer's security group alone"
  }

  assert {
    condition = (
      aws_vpc_security_group_egress_rule.milvus_to_nodes.security_group_id == aws_security_group.milvus.id
      && aws_vpc_security_group_egress_rule.milvus_to_nodes.from_port == 31953
    )
    error_message = "the balancer must reach the node port and nothing else"
  }

  assert {
    condition     = aws_autoscaling_attachment.milvus.autoscaling_group_name == "eks-mocked" && aws_autoscaling_attachment.milvus.lb_target_group_arn == aws_lb_target_group.milvus.arn
    error_message = "nodes that keep state must register with the balancer by themselves"
  }

  assert {
    condition     = output.chalice.milvus_uri == "http://mocked.elb.ap-northeast-2.amazonaws.com:19530"
    error_message = "the functions must be told where Milvus is"
  }
}

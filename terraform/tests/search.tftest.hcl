# Mission, row "OpenSearch".

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "one_small_node_with_fine_grained_access" {
  command = plan

  assert {
    condition     = aws_opensearch_domain.search.cluster_config[0].instance_type == "t3.small.search" && aws_opensearch_domain.search.cluster_config[0].instance_count == 1
    error_message = "the domain must be 1 t3.small.search"
  }

  assert {
    condition     = aws_opensearch_domain.search.ebs_options[0].volume_type == "gp3" && aws_opensearch_domain.search.ebs_options[0].volume_size == 20
    error_message = "the domain must have 20 GB of gp3"
  }

  assert {
    condition     = aws_opensearch_domain.search.advanced_security_options[0].enabled && aws_opensearch_domain.search.advanced_security_options[0].internal_user_database_enabled
    error_message = "fine-grained access control with internal users must be on"
  }

  assert {
    condition     = aws_opensearch_domain.search.advanced_security_options[0].master_user_options[0].master_user_name == "cali-admin"
    error_message = "there must be an internal master user"
  }

  assert {
    condition = alltrue([
      aws_opensearch_domain.search.encrypt_at_rest[0].enabled, aws_opensearch_domain.search.node_to_node_encryption[0].enabled,
      aws_opensearch_domain.search.domain_endpoint_options[0].enforce_https,
    ])
    error_message = "fine-grained access needs encryption at rest, between nodes, and HTTPS"
  }
}

run "people_sign_in_from_where_they_may" {
  command = apply

  assert {
    condition = [for statement in jsondecode(aws_opensearch_domain_policy.search.access_policies).Statement :
    statement.Condition.IpAddress["aws:SourceIp"] if statement.Principal.AWS == "*"] == [["203.0.113.7/32"]]
    error_message = "people must sign in from search_cidrs alone"
  }
}

run "several_nodes_spread_over_zones" {
  command = plan

  variables {
    search_instance_count = 3
  }

  assert {
    condition     = aws_opensearch_domain.search.cluster_config[0].zone_awareness_config[0].availability_zone_count == 2
    error_message = "nodes must spread over the zones there are"
  }
}

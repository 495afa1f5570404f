# Mission, rows "EKS cali-cluster" and "IAM roles".

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "the_control_plane" {
  command = apply

  assert {
    condition     = aws_eks_cluster.main.name == "cali-cluster" && aws_eks_cluster.main.version == "1.35"
    error_message = "the cluster must be called cali-cluster, at a version in standard support"
  }

  assert {
    condition     = aws_eks_cluster.main.access_config[0].authentication_mode == "API_AND_CONFIG_MAP"
    error_message = "authentication must be API_AND_CONFIG_MAP"
  }

  assert {
    condition     = aws_eks_cluster.main.enabled_cluster_log_types == toset(["api", "audit", "authenticator"])
    error_message = "api, audit and authenticator must be logged"
  }

  assert {
    condition     = aws_eks_cluster.main.encryption_config[0].resources == toset(["secrets"]) && aws_eks_cluster.main.encryption_config[0].provider[0].key_arn == aws_kms_key.main.arn
    error_message = "secrets must be encrypted with our key"
  }

  assert {
    condition     = aws_eks_cluster.main.vpc_config[0].endpoint_private_access && !aws_eks_cluster.main.vpc_config[0].endpoint_public_access
    error_message = "without cluster_public_cidrs the API must be private"
  }

  assert {
    condition     = aws_eks_cluster.main.access_config[0].bootstrap_cluster_creator_admin_permissions && length(aws_eks_access_entry.member) == 0
    error_message = "without a team its creator must get in"
  }
}

run "the_nodes" {
  command = plan

  assert {
    condition     = aws_eks_node_group.state.instance_types == tolist(["t3.medium"]) && aws_eks_node_group.state.capacity_type == "ON_DEMAND"
    error_message = "state must live on t3.medium on demand"
  }

  assert {
    condition     = aws_eks_node_group.state.scaling_config[0].min_size == 2 && aws_eks_node_group.state.scaling_config[0].max_size == 4
    error_message = "there must be 2 to 4 nodes"
  }

  assert {
    condition     = aws_eks_node_group.spot[0].capacity_type == "SPOT" && aws_eks_node_group.spot[0].scaling_config[0].min_size == 0 && length(aws_eks_node_group.spot[0].instance_types) > 1
    error_message = "spot nodes must be of several types, and none until something asks"
  }

  assert {
    condition     = one(aws_eks_node_group.spot[0].taint).effect == "NO_SCHEDULE"
    error_message = "only what tolerates it may run on spot"
  }

  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "pods must not reach the node's role"
  }

  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.block_device_mappings[0].ebs[0].encrypted == "true"])
    error_message = "disks must be encrypted"
  }
}

run "no_spot_when_not_wanted" {
  command = plan

  variables {
    spot_nodes = { max = 0 }
  }

  assert {
    condition     = length(aws_eks_node_group.spot) == 0 && toset(keys(aws_launch_template.node)) == toset(["state"])
    error_message = "max 0 must leave the spot group out"
  }
}

run "managed_add_ons" {
  command = plan

  assert {
    condition     = toset(concat(keys(aws_eks_addon.before_nodes), keys(aws_eks_addon.after_nodes))) == toset(["aws-ebs-csi-driver", "coredns", "kube-proxy", "vpc-cni"])
    error_message = "the four managed add-ons must be there"
  }

  assert {
    condition     = jsondecode(aws_eks_addon.before_nodes["vpc-cni"].configuration_values).env.ENABLE_PREFIX_DELEGATION == "true"
    error_message = "vpc-cni must delegate prefixes"
  }

  assert {
    condition     = alltrue([for template in aws_launch_template.node : strcontains(base64decode(template.user_data), "maxPods: 110")])
    error_message = "the kubelet must take as many pods as prefixes allow"
  }
}

run "roles" {
  command = apply

  assert {
    condition = alltrue([for name in [
      "airflow-api-server", "airflow-dag-processor", "airflow-scheduler", "airflow-triggerer", "airflow-worker", "cluster-autoscaler",
      "consumer", "ebs-csi", "fluent-bit", "grafana"
    ] : contains(keys(output.service_accounts), name)])
    error_message = "each service account that needs AWS must have a role of its own, each Airflow component included"
  }

  assert {
    condition     = toset(keys(aws_iam_role.function)) == toset(["alert", "analyze", "api", "diagnose", "enrich", "sweep"])
    error_message = "each function must have a role of its own"
  }

  assert {
    condition     = aws_iam_openid_connect_provider.cluster.client_id_list == toset(["sts.amazonaws.com"])
    error_message = "the cluster's issuer must be trusted for STS"
  }
}

run "the_pipeline_has_no_role_unless_named" {
  command = plan

  assert {
    condition     = length(aws_iam_role.pipeline) == 0 && length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_policy.pipeline) == 0
    error_message = "without github_repository nothing must trust GitHub"
  }
}

run "the_pipeline_trusts_one_repository" {
  command = plan

  variables {
    github_repository = "acme/cali"
  }

  assert {
    condition = alltrue([for role in aws_iam_role.pipeline :
    alltrue([for subject in jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] : startswith(subject, "repo:acme/cali:")])])
    error_message = "every pipeline role must trust the named repository alone, by exact subject"
  }
}

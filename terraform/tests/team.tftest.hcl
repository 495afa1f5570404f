# A cluster made for a team. A file of its own, for what counts at creation is ignored later.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "the_team_gets_in" {
  command = apply

  variables {
    team_members_arns    = ["arn:aws:iam::111122223333:user/kim", "arn:aws:iam::111122223333:role/on-call"]
    cluster_public_cidrs = ["203.0.113.7/32"]
  }

  assert {
    condition     = toset(keys(aws_eks_access_policy_association.member)) == toset(["arn:aws:iam::111122223333:role/on-call", "arn:aws:iam::111122223333:user/kim"])
    error_message = "each member must have access"
  }

  assert {
    condition     = !aws_eks_cluster.main.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "with a team, access must be what is written and nothing else"
  }

  assert {
    condition     = aws_eks_cluster.main.vpc_config[0].public_access_cidrs == toset(["203.0.113.7/32"])
    error_message = "the public endpoint must answer cluster_public_cidrs alone"
  }
}

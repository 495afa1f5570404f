# The root as terraform.tfvars has it, or by its defaults: what `make cost` prices without an account.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  search_cidrs = ["203.0.113.7/32"]
}

run "planned" {
  command = apply
}

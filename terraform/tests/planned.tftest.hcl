# The root as terraform.tfvars has it, or by its defaults: what `make cost` prices without an account.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "planned" {
  command = apply
}

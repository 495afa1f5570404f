"""Deployment steps that Terraform cannot do: its state bucket, OpenSearch users, plan costs, leftovers before a destroy.

Each step is facts -> plan -> calls. The plan is a pure function.
"""

"""Deployment steps that Terraform cannot do: its state bucket, OpenSearch users, plan costs, leftovers before a destroy.

Each step reads facts, makes a plan from them, and performs the plan's calls. The plan is a pure function.
"""

"""The steps around Terraform that Terraform cannot take: the bucket for its own state, the users of OpenSearch, the cost
of a plan, and what stands in the way of a destroy. Each is facts -> plan -> calls: the plan is a pure function."""

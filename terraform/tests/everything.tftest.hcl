# The whole root applied on a mocked AWS, with everything that is off by default on. Tests in Python read its state.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  team_members_arns     = ["arn:aws:iam::111122223333:user/kim"]
  cluster_public_cidrs  = ["203.0.113.7/32"]
  search_cidrs          = ["203.0.113.7/32"]
  alarm_emails          = ["on-call@example.com"]
  github_repository     = "acme/cali"
  interface_endpoints   = ["sts"]
  concurrency_quota     = 1000
  runner_connection_arn = "arn:aws:codeconnections:ap-northeast-2:111122223333:connection/01234567-89ab-cdef-0123-456789abcdef"
  rest_api_id           = "a1b2c3d4e5"
  alert_mail_identity   = "cali.example.com"
  settings = {
    alert_rules   = "config/alerts.yaml"
    console_url   = "https://grafana.example.com/d/cali?var-id={id}"
    language      = "ko"
    model         = "gpt-5-mini"
    slack_channel = "C0123456789"
  }
}

run "everything" {
  command = apply
}

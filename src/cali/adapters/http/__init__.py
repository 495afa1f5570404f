"""HTTP: the one client of Slack, PagerDuty, webhooks, GitHub and the checks of `cali doctor`."""

"""Slack: the Web API, its blocks, a bot and incoming webhooks."""

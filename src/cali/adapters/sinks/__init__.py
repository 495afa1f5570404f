"""Sinks that send alerts to people and programs. Slack's are in `adapters/slack`."""

"""Test doubles for those who test with CALI: scripted models, a model server, a Slack server, a sink that records."""

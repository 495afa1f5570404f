"""The notify stage: turns incident changes into messages and handles the responses to them. See README.md.

The package exports nothing: the hot path reads `feedback_rules`, which must not import what only messages need.
"""

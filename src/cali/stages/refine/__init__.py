"""The refine stage: turns the records of one event into an event with redacted text, severity and template."""

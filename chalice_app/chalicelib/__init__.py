"""Glue code between Chalice and `cali`."""

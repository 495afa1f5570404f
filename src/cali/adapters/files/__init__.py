"""Stores in plain folders of this machine."""

"""Stores in memory: for processes that keep nothing, and for tests."""

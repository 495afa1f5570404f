"""Stores in memory, for processes without storage and for tests."""

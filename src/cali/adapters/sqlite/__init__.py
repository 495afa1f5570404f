"""Stores in SQLite files, which several processes of one machine may share."""

"""GitHub: pull requests for learnt knowledge."""

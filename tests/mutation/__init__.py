"""Mutation testing: random wrong changes of the sources that the tests must notice."""

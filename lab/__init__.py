"""Real servers, real faults, and recordings of them. docs/lab.md shows how to add a fault."""

"""The benchmarks of the project. They measure processor time, which other load on the machine hardly changes."""

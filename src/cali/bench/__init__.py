"""The project's own benchmarks. Times are processor time, so that a busy machine does not change what they say."""

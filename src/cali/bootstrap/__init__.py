"""bootstrap: builds adapters and hands them to use cases. The only place that knows adapters."""

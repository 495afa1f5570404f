"""bootstrap: build adapters and pass them to use cases. Only this package imports adapters."""

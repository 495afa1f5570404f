"""usecases: one module per use case, over stages and ports. No adapter is imported here."""

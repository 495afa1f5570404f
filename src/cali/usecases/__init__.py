"""usecases: what CALI does, one module per use case. Stages and ports in, a result out; no adapter is imported here."""

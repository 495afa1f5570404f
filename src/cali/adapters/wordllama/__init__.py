"""Embeddings by static word vectors, without a network."""

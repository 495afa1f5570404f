"""The knowledge index in Milvus."""

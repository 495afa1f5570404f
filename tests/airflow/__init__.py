"""The DAGs in a real Airflow, against an emulated account and a local Milvus."""

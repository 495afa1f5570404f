"""The DAGs, in a real Airflow, against an account and a Milvus on this machine."""

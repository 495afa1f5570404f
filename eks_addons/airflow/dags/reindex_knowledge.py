"""Nightly DAG that builds a new Milvus collection beside the old one, verifies it, and then switches the alias.

It runs after the jobs that publish. Publishing already indexes its entries; this job adds entries from other sources,
such as knowledge shipped with a new image. It works on the current state, so missed days need no catch-up.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("30 2 * * *"), catchup=False, doc_md=__doc__, **COMMON)
def reindex_knowledge() -> None:
    steps("reindex_knowledge", "build", "check", "switch")


reindex_knowledge()

"""A new collection in Milvus beside the old, looked at as a whole before the alias stands for it.

It runs after whatever may publish. Publishing has let Milvus know the entries already; this finds what came another way,
such as knowledge shipped with a new image. It is about now, so a missed day is not caught up on.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("30 2 * * *"), catchup=False, doc_md=__doc__, **COMMON)
def reindex_knowledge() -> None:
    steps("reindex_knowledge", "build", "check", "switch")


reindex_knowledge()

"""Nightly DAG that deletes old step results, releases and collections, but never the current or the previous release.

It runs last, so it deletes nothing that another job still reads. The next run covers a missed day.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("30 3 * * *"), catchup=False, doc_md=__doc__, **COMMON)
def retention() -> None:
    steps("retention", "retain")


retention()

"""Nightly DAG that applies feedback: it counts votes per entry, and withdraws learnt entries with too many `wrong` votes.

It runs first, after Firehose has delivered the day. Each run reads all feedback up to the end of its day, so missed runs
need no catch-up.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("40 0 * * *"), catchup=False, doc_md=__doc__, **COMMON)
def apply_feedback() -> None:
    steps("apply_feedback", "apply")


apply_feedback()

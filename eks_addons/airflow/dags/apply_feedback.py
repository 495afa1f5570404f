"""What people said, applied: how entries stand, and which learnt ones they called wrong so often that they go.

It runs first of the night, when Firehose has delivered the day. It reads all that was said until the end of its day, so
a run stands for those that were missed and none is caught up on.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("40 0 * * *"), catchup=False, doc_md=__doc__, **COMMON)
def apply_feedback() -> None:
    steps("apply_feedback", "apply")


apply_feedback()

"""A week in figures: what was known, what the model cost, what was learnt, what people said.

It runs on Mondays, after the night, for the week from Monday to Sunday; its day is the first of that week. After an outage
only the latest week is told: posts about older ones would come too late to matter.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("0 5 * * 1"), catchup=False, doc_md=__doc__, **COMMON)
def weekly_report() -> None:
    steps("weekly_report", "report")


weekly_report()

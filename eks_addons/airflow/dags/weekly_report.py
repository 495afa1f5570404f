"""Weekly DAG that reports the week: share of known errors, model cost, learnt entries and feedback.

It runs on Monday after the nightly jobs, for the previous Monday to Sunday. Its logical day is the first day of that
week. After an outage only the latest week is reported.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("0 5 * * 1"), catchup=False, doc_md=__doc__, **COMMON)
def weekly_report() -> None:
    steps("weekly_report", "report")


weekly_report()

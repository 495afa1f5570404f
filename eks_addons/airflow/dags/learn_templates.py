"""The day's lines to a template book: what looks constant and is not.

It runs before `learn_new_errors`, whose gate looks at the healthy lines that are collected here. A book builds on the one
before it, and lines come again, so a missed day is not caught up on.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("0 1 * * *"), catchup=False, doc_md=__doc__, **COMMON)
def learn_templates() -> None:
    steps("learn_templates", "collect", "learn", "publish")


learn_templates()

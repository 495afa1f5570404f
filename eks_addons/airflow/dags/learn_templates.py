"""Nightly DAG that learns a template book from the day's lines: parameters that look like constant words.

It runs before `learn_new_errors`, whose gate uses the healthy lines that are collected here. Each book extends the
previous one, and lines recur, so missed days need no catch-up.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("0 1 * * *"), catchup=False, doc_md=__doc__, **COMMON)
def learn_templates() -> None:
    steps("learn_templates", "collect", "learn", "publish")


learn_templates()

"""Nightly DAG that learns new errors: it groups them, drafts entries, replays the last days as a gate, and publishes.

It runs after `apply_feedback`, which withdraws wrong entries. Each run reads only the errors of its own day, so Airflow
catches up on missed days. With `manual` approval, `cali release accept DAY` puts a proposal in force.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("30 1 * * *"), catchup=True, doc_md=__doc__, **COMMON)
def learn_new_errors() -> None:
    steps("learn_new_errors", "group", "draft", "gate", "publish")


learn_new_errors()

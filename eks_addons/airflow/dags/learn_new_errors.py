"""What nobody knew becomes knowledge: new errors are grouped, drafted, tried against the last days, and published.

It runs after `apply_feedback`, so that what people withdrew is gone. Each run reads the errors of its own day alone, so
every missed day is caught up on. With `manual` approval `cali release accept DAY` puts a proposal in force.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("30 1 * * *"), catchup=True, doc_md=__doc__, **COMMON)
def learn_new_errors() -> None:
    steps("learn_new_errors", "group", "draft", "gate", "publish")


learn_new_errors()

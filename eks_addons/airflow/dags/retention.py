"""What is old goes: what steps made, releases, collections; never what is in force or was before it.

It runs last of the night, so that it drops nothing that a job is about to read. A missed day is made up for by the next.
"""

from __future__ import annotations

from airflow.sdk import dag
from cali_steps import COMMON, at, steps


@dag(schedule=at("30 3 * * *"), catchup=False, doc_md=__doc__, **COMMON)
def retention() -> None:
    steps("retention", "retain")


retention()

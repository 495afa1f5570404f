"""Shared code of the DAGs: one task for each step of a job of `cali.usecases.learn`, with common defaults.

The day of a run is its logical date in UTC. A nightly run is for the day that has just ended. A manual run for 2026-11-20
is for that day, however often it is started. cali is imported only when a task runs, because Airflow parses these files
every few minutes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException


def told(context: Any) -> None:
    """Post a task's final failure to the team's chat, if CALI_LEARNING_POST is set."""
    from cali.bootstrap.learning import learning

    parts = learning()
    if parts.post is not None:
        failed = context["task_instance"]
        why = parts.refiner().redactor.text(str(context.get("exception") or "see its log"))
        parts.post(f"{failed.dag_id} {day(context)}: {failed.task_id} failed: {why}")


# A task callback, not a DAG callback: that would run in the DAG processor, whose role cannot read secrets.
COMMON: dict[str, Any] = {
    "start_date": datetime(2026, 11, 20, tzinfo=UTC),
    "max_active_runs": 1,
    "tags": ["cali", "learning"],
    "default_args": {
        "retries": 3,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=1),
        "on_failure_callback": told,
    },
}


def at(cron: str) -> CronDataIntervalTimetable:
    """Return the timetable of a cron expression in UTC. The logical date is the start of the data interval."""
    return CronDataIntervalTimetable(cron, timezone="UTC")


def day(context: Any) -> date:
    """Return the day of a run. A run without a logical date is for the last full day."""
    run = context["dag_run"]
    moment: datetime = run.logical_date or run.run_after - timedelta(days=1)
    return moment.astimezone(UTC).date()


def steps(job: str, *names: str) -> None:
    """Create a task for each step, in sequence."""
    chain(*(_step.override(task_id=name)(job, name) for name in names))


@task
def _step(job: str, step: str) -> dict[str, Any]:
    """Run a step. Misconfigured is not retried, because a person must fix it."""
    from cali.bootstrap.learning import learning
    from cali.core.errors import Misconfigured, Poison
    from cali.usecases.learn import run

    learnt = day(get_current_context())
    try:
        return {"day": learnt.isoformat(), **run(job, step, learnt, learning())}
    except (Misconfigured, Poison) as error:
        raise AirflowFailException(str(error)) from error

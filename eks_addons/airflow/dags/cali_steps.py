"""What the DAGs of Airflow share: a task for each step of a job of `cali.usecases.learn`, and what holds for all of them.

The day of a run is the date of its logical date, UTC: a nightly run has the day that is just over, and a run that
somebody starts for 2026-11-20 is for that day, as often as it is started. Nothing of cali is imported before a task runs:
Airflow reads these files every few minutes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException


def told(context: Any) -> None:
    """Tells the team's chat of a task that failed for good, where CALI_LEARNING_POST asks for posts."""
    from cali.bootstrap.learning import learning

    parts = learning()
    if parts.post is not None:
        failed = context["task_instance"]
        why = parts.refiner().redactor.text(str(context.get("exception") or "see its log"))
        parts.post(f"{failed.dag_id} {day(context)}: {failed.task_id} failed: {why}")


# The callback is a task's, not a DAG's: that one would run in the DAG processor, whose role may read no secret.
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
    """When a job runs, UTC. Its run bears the beginning of the time that it looks back on, not the moment at which it runs."""
    return CronDataIntervalTimetable(cron, timezone="UTC")


def day(context: Any) -> date:
    """The day that a run is for. One that was started without a logical date is for the last whole day."""
    run = context["dag_run"]
    moment: datetime = run.logical_date or run.run_after - timedelta(days=1)
    return moment.astimezone(UTC).date()


def steps(job: str, *names: str) -> None:
    """Makes a task of each step, one after the other."""
    chain(*(_step.override(task_id=name)(job, name) for name in names))


@task
def _step(job: str, step: str) -> dict[str, Any]:
    """Runs a step. What a person must mend first is not tried again."""
    from cali.bootstrap.learning import learning
    from cali.core.errors import Misconfigured, Poison
    from cali.usecases.learn import run

    learnt = day(get_current_context())
    try:
        return {"day": learnt.isoformat(), **run(job, step, learnt, learning())}
    except (Misconfigured, Poison) as error:
        raise AirflowFailException(str(error)) from error

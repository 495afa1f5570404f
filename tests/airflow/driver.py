"""A night of Airflow in one process, which saves its start for each run: loads the DAG folder as Airflow does, then reads
what to run, `{"dag", "day", "retries"}`, a line each, and answers with a line of JSON. `DAG.test` is what `airflow dags
test` calls.

It is run by the Python of .venv-airflow, so it imports nothing of the project's tests.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Airflow's log goes to the standard output
    dags, found = loaded()
    print(json.dumps(found), file=out, flush=True)
    share_the_server()
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(ran(dags[asked["dag"]], asked)), file=out, flush=True)


def share_the_server() -> None:
    """The server that tasks speak to is built for each task, which takes two seconds; one does for all of a process."""
    from airflow.sdk.execution_time import supervisor

    supervisor.in_process_api_server = cache(supervisor.in_process_api_server)


def loaded() -> tuple[dict[str, Any], dict[str, Any]]:
    """The DAGs, and what loading them did."""
    from airflow.configuration import conf
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.sdk import CronDataIntervalTimetable, task  # noqa: F401 - the time of importing these is Airflow's own

    folder = conf.get("core", "dags_folder")
    began = time.perf_counter()
    bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags-folder")
    seconds = time.perf_counter() - began
    modules = sorted({name.split(".")[0] for name in sys.modules})
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    dags = {name: described(dag) for name, dag in bag.dags.items()}
    return dict(bag.dags), {"seconds": seconds, "modules": modules, "errors": bag.import_errors, "dags": dags}


def described(dag: Any) -> dict[str, Any]:
    return {
        "steps": [task.task_id for task in dag.topological_sort()],
        "edges": sorted((task.task_id, after) for task in dag.tasks for after in task.downstream_task_ids),
        "catchup": dag.catchup,
        "active": dag.max_active_runs,
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "retries": sorted({(task.retries, task.retry_exponential_backoff) for task in dag.tasks}),
        "limits": [task.execution_timeout.total_seconds() for task in dag.tasks],
        "runs": runs(dag),
    }


def runs(dag: Any) -> list[tuple[str, str]]:
    """The first runs that the scheduler would make: logical date, and when."""
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    timetable, interval, found = coerce_to_core_timetable(dag.timetable), None, []
    for _ in range(3):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=interval, restriction=TimeRestriction(dag.start_date, None, True)
        )
        interval = info.data_interval
        found.append((info.logical_date.isoformat(), info.run_after.isoformat()))
    return found


def ran(dag: Any, asked: dict[str, Any]) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    for task in dag.tasks:  # a test does not wait for minutes
        task.retries, task.retry_delay = asked["retries"], timedelta(seconds=1)
    day = asked["day"]
    run = dag.test(logical_date=datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None)
    with create_session() as session:
        rows = session.query(XComModel).filter_by(run_id=run.run_id, dag_id=dag.dag_id, key="return_value")
        said = {row.task_id: XComModel.deserialize_value(row) for row in rows}
    tasks = {
        one.task_id: {"state": str(one.state), "tries": one.try_number, "said": said.get(one.task_id)}
        for one in run.get_task_instances()
    }
    return {"state": str(run.state), "tasks": tasks}


if __name__ == "__main__":
    main()

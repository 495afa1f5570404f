"""Airflow in one process for several runs, which saves the start-up time of each run. It loads the DAG folder as
Airflow does. Then it reads one request per line, `{"dag", "day", "retries"}`, and answers with a line of JSON.
`DAG.test` is the method that `airflow dags test` calls. The Python of .venv-airflow runs this file, so it imports no
test code.
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
    os.dup2(2, 1)  # Airflow logs to standard output
    dags, found = loaded()
    print(json.dumps(found), file=out, flush=True)
    share_the_server()
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(ran(dags[asked["dag"]], asked)), file=out, flush=True)


def share_the_server() -> None:
    """Start the API server of tasks once per process. Airflow starts one for each task, which takes two seconds."""
    from airflow.sdk.execution_time import supervisor

    supervisor.in_process_api_server = cache(supervisor.in_process_api_server)


def loaded() -> tuple[dict[str, Any], dict[str, Any]]:
    """Load the DAGs, and return them with the import errors."""
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
    """Return the first runs that the scheduler would create: the logical date, and the time of the start."""
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

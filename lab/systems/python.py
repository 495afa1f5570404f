"""A recipe service on Flask and gunicorn, and Celery workers on Redis."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from lab.causes import NOT_RUNNING, PORT_TAKEN
from lab.rig import PYTHON, Rig
from lab.system import System
from lab.systems import redis as broker

gunicorn = System("gunicorn", packages=("gunicorn", "python3-flask", "python3-requests"), service="recipes")
celery = System("celery", packages=("python3-celery", "python3-redis", "redis-server"), service="worker")


def recipes(rig: Rig, *options: str, env: dict[str, str] | None = None, memory_mb: int | None = None) -> None:
    """Start the service and do not wait."""
    place = Path("/opt/recipes")
    place.mkdir(exist_ok=True)
    rig.write("/opt/recipes/recipes.py", (Path(__file__).parents[1] / "apps" / "recipes.py").read_text())
    rig.spawn("recipes", PYTHON, "-m", "gunicorn", "--bind", "10.0.1.43:8000", "--workers", "1", "--timeout", "3", "--access-logfile", "-", *options, "recipes:app",
              env={"SESSION_SECRET": "orchard-7", **(env or {})}, cwd=str(place), memory_mb=memory_mb)  # fmt: skip


def ask(rig: Rig, times: int, pause: float = 0.1) -> None:
    """Ask as a client whose output is not collected."""
    for number in range(times):
        rig.run("curl", "-s", "-m", "5", f"http://app:8000/recipes/{number}", check=False)
        rig.pause(pause)


def bad(rig: Rig, times: int = 6, **env: str) -> None:
    """Deploy a version with other settings, and ask it."""
    rig.stop("recipes")
    recipes(rig, env=env)
    rig.wait_port("app", 8000)
    ask(rig, times)


@gunicorn.starts
def start(rig: Rig) -> None:
    recipes(rig)
    rig.wait_port("app", 8000)


@gunicorn.loads
def load(rig: Rig) -> None:
    ask(rig, 6)


def restore(rig: Rig) -> None:
    """Roll back to the good version."""
    rig.stop("recipes")
    recipes(rig)
    rig.wait_port("app", 8000)


@gunicorn.fault(
    "import-error", kind="dependency-not-installed", what="a deployment imports a module that is not installed",
    cause="The module recipe_rules is not installed.", accept=("module|package|dependency", "not installed|missing|not found|cannot be imported|no module"),
    signal="No module named 'recipe_rules'",
)  # fmt: skip
def import_error(rig: Rig) -> Iterator[None]:
    rig.stop("recipes")
    for _ in range(2):
        recipes(rig, env={"IMPORT": "1"})
        rig.processes["recipes"].wait(20)
    yield
    restore(rig)


@gunicorn.fault(
    "env-missing", kind="missing-environment", what="the variable SESSION_SECRET is missing in a deployment",
    cause="The environment variable SESSION_SECRET is not set.", accept=("variable|environment|env\\b|SESSION_SECRET", "not set|missing|unset|undefined|required"),
    signal="KeyError: 'SESSION_SECRET'",
)  # fmt: skip
def env_missing(rig: Rig) -> Iterator[None]:
    rig.stop("recipes")
    for _ in range(2):
        rig.spawn(
            "recipes", PYTHON, "-m", "gunicorn", "--bind", "10.0.1.43:8000", "recipes:app", cwd="/opt/recipes"
        )
        rig.processes["recipes"].wait(20)
    yield
    restore(rig)


@gunicorn.fault(
    "key-error", kind="application-bug", what="a new version reads a key that the data does not have",
    cause="The code reads the key 'title', which the data does not have.", accept=("key",),
    signal="KeyError: 'title'",
)  # fmt: skip
def key_error(rig: Rig) -> Iterator[None]:
    bad(rig, MODE="key")
    yield
    restore(rig)


@gunicorn.fault(
    "worker-timeout", kind="worker-timeout", what="requests take six seconds, the worker timeout is three",
    cause="A request takes longer than the worker timeout, so gunicorn kills the worker.", accept=("worker|request|gunicorn", "timeout|too long|longer|slow"),
    signal="WORKER TIMEOUT",
)  # fmt: skip
def worker_timeout(rig: Rig) -> Iterator[None]:
    bad(rig, 2, MODE="slow")
    yield
    restore(rig)


@gunicorn.fault(
    "worker-killed", kind="process-killed", what="the worker is killed with SIGKILL, as the kernel does when memory is short",
    cause="A worker was killed with SIGKILL, most likely because memory was short.", accept=("SIGKILL|signal 9|killed|OOM|out of memory",),
    signal="was sent SIGKILL|signal 9|SIGKILL",
)  # fmt: skip
def worker_killed(rig: Rig) -> Iterator[None]:
    for _ in range(2):
        children = Path(
            f"/proc/{rig.processes['recipes'].pid}/task/{rig.processes['recipes'].pid}/children"
        ).read_text()
        for child in children.split():
            os.kill(int(child), signal.SIGKILL)
        rig.pause(1.5)
        ask(rig, 3)
    yield


@gunicorn.fault(
    "memory", kind="memory-limit", what="each request keeps 60 MB, the process may use 400 MB",
    cause="The process leaks memory until its limit.", accept=("memory",),
    signal="MemoryError",
)  # fmt: skip
def memory(rig: Rig) -> Iterator[None]:
    rig.stop("recipes")
    recipes(rig, env={"MODE": "memory"}, memory_mb=400)
    rig.wait_port("app", 8000)
    ask(rig, 10)
    yield
    restore(rig)


@gunicorn.fault(
    "bad-json", kind="bad-upstream-data", what="the catalogue service answers with HTML instead of JSON",
    cause="The upstream answers with something that is not JSON.", accept=("JSON", "not JSON|no JSON|HTML|not valid|invalid|instead|empty"),
    signal="JSONDecodeError", affected=("recipes", "catalogue"), target="catalogue",
)  # fmt: skip
def bad_json(rig: Rig) -> Iterator[None]:
    rig.app("catalogue", "web.py", "10.0.1.45", "8080", env={"BODY": "<html>maintenance</html>"})
    rig.wait_port("catalogue", 8080)
    bad(rig, MODE="upstream")
    yield
    restore(rig)


@gunicorn.fault(
    "database-locked", kind="lock-wait", what="a maintenance job holds the SQLite file locked",
    cause="Another connection holds the lock of the SQLite database.", accept=("lock", "another|other|held|holds|writer|connection|process"),
    signal="database is locked",
)  # fmt: skip
def database_locked(rig: Rig) -> Iterator[None]:
    rig.run(
        "python3",
        "-c",
        "import sqlite3; sqlite3.connect('/srv/recipes.db').execute('CREATE TABLE recipes (id int)')",
    )
    holder = rig.spawn(
        "maintenance",
        "/usr/bin/python3",
        "-c",
        "import sqlite3, time; d = sqlite3.connect('/srv/recipes.db', isolation_level=None); d.execute('BEGIN EXCLUSIVE'); time.sleep(30)",
    )
    rig.pause(0.7)
    bad(rig, MODE="locked")
    yield
    holder.kill()
    restore(rig)


@gunicorn.fault(
    "port-taken", kind="port-taken", what="the old process still listens when the new one starts",
    cause="Port 8000 is already used by another process.", accept=PORT_TAKEN,
    signal="Connection in use|Address already in use",
)  # fmt: skip
def port_taken(rig: Rig) -> Iterator[None]:
    old = rig.processes["recipes"]
    recipes(rig)
    rig.processes["recipes"].wait(30)
    yield
    rig.processes["recipes"] = old


@gunicorn.fault(
    "encoding", kind="bad-upstream-data", what="data in Latin-1 is read as UTF-8",
    cause="The data is not UTF-8.", accept=("UTF-8|encod|Latin",),
    signal="UnicodeDecodeError",
)  # fmt: skip
def encoding(rig: Rig) -> Iterator[None]:
    bad(rig, MODE="encoding")
    yield
    restore(rig)


@gunicorn.healthy("load")
def busy(rig: Rig) -> None:
    ask(rig, 40, 0.02)


@gunicorn.healthy("rolling-restart", kind="restart")
def rolling(rig: Rig) -> None:
    os.kill(rig.processes["recipes"].pid, signal.SIGHUP)
    rig.pause(2)
    ask(rig, 6)
    rig.stop("recipes")


def worker(rig: Rig, *options: str, memory_mb: int | None = None) -> None:
    """Start a Celery worker and do not wait."""
    rig.write("/opt/worker/jobs.py", (Path(__file__).parents[1] / "apps" / "jobs.py").read_text())
    rig.spawn(
        "worker",
        PYTHON,
        "-m",
        "celery",
        "-A",
        "jobs",
        "worker",
        "--loglevel",
        "INFO",
        "--concurrency",
        "2",
        "--without-mingle",
        "--without-gossip",
        *options,
        cwd="/opt/worker",
        env={"C_FORCE_ROOT": "1"},
        memory_mb=memory_mb,
    )


def send(rig: Rig, task: str, times: int, wait: float = 1.5) -> None:
    """Send tasks as a client whose output is not collected."""
    rig.run(PYTHON, "/opt/worker/jobs.py", task, str(times), check=False)
    rig.pause(wait)


@celery.starts
def start_worker(rig: Rig) -> None:
    broker.serve(rig)
    worker(rig)
    rig.wait_line("worker", "ready.", 40)


@celery.loads
def load_worker(rig: Rig) -> None:
    send(rig, "jobs.invoice", 6)


@celery.fault(
    "unregistered", kind="version-mismatch", what="a newer producer sends a task that the worker does not know",
    cause="The worker does not know the task: its version is older than the producer's.", accept=("task", "not (know|registered)|unregistered|unknown|not import"),
    signal="Received unregistered task",
)  # fmt: skip
def unregistered(rig: Rig) -> Iterator[None]:
    send(rig, "jobs.refund", 4)
    yield


@celery.fault(
    "time-limit", kind="slow-job", what="a report runs longer than its hard time limit",
    cause="The task runs longer than its time limit.", accept=("time limit|longer|too long|timeout",),
    signal="TimeLimitExceeded|Hard time limit|Soft time limit",
)  # fmt: skip
def time_limit(rig: Rig) -> Iterator[None]:
    send(rig, "jobs.report", 3, 7)
    yield


@celery.fault(
    "division", kind="application-bug", what="a task divides by the length of an empty list",
    cause="The task divides by zero: the list is empty.", accept=("zero|empty",),
    signal="ZeroDivisionError",
)  # fmt: skip
def division(rig: Rig) -> Iterator[None]:
    send(rig, "jobs.average", 4)
    yield


@celery.fault(
    "broker-killed", kind="dependency-killed", what="Redis, the broker, is killed",
    cause="The broker (Redis) is not running.", accept=NOT_RUNNING,
    signal="Connection refused|Cannot connect to redis|connection to the broker lost|Connection to broker lost", affected=("redis", "worker"), target="redis",
)  # fmt: skip
def broker_killed(rig: Rig) -> Iterator[None]:
    rig.kill("redis")
    rig.pause(9)
    yield
    broker.serve(rig)
    rig.pause(5)


@celery.fault(
    "child-killed", kind="process-killed", what="the child process of a running task is killed with SIGKILL, as the kernel does when memory is short",
    cause="The worker's process was killed with SIGKILL while it ran the task.", accept=("SIGKILL|signal 9|killed|OOM|out of memory",),
    signal="WorkerLostError|signal 9",
)  # fmt: skip
def child_killed(rig: Rig) -> Iterator[None]:
    send(rig, "jobs.thumbnail", 2, 1)
    pid = rig.processes["worker"].pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    rig.pause(4)
    yield


@celery.healthy("load")
def busy_worker(rig: Rig) -> None:
    send(rig, "jobs.invoice", 40, 3)


@celery.healthy("warm-stop", kind="restart")
def warm_stop(rig: Rig) -> None:
    rig.stop("worker")
    worker(rig)
    rig.pause(4)
    send(rig, "jobs.invoice", 5)

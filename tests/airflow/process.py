"""Airflow as processes of `.venv-airflow`, each with a home of its own and the DAG folder of the repository."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Self

import pytest

from cali.usecases.learn import JOBS

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "eks_addons" / "airflow" / "dags"
BIN = ROOT / ".venv-airflow" / "bin"
DRIVER = Path(__file__).parent / "driver.py"


class Airflow:
    """An installation with an empty database. `env` is the environment of the tasks, `configuration` the airflow.cfg."""

    def __init__(self, home: Path, configuration: str = "", **env: str) -> None:
        self.home = home
        if configuration:
            (home / "airflow.cfg").write_text(configuration, "utf-8")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
            **env,
        }
        self.command("db", "migrate")

    def command(self, *args: str, **env: str) -> str:
        """Return the output of `airflow ARGS`. `env` overrides variables."""
        done = subprocess.run(
            [BIN / "airflow", *args],
            env={**self.env, **env},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode in (0, 1), f"{args}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout + done.stderr

    def python(self, script: str, *args: str, **env: str) -> str:
        """Return the output of a script that runs in Airflow's environment. `env` overrides variables."""
        done = subprocess.run(
            [BIN / "python", "-c", script, *args],
            env={**self.env, **env}, cwd=self.home, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def night(self, **env: str) -> Night:
        """Return a process that runs DAGs. `env` overrides variables."""
        return Night(self, env)


class Night:
    """A process that runs DAGs; see driver.py. `found` is its report on the DAG folder."""

    def __init__(self, airflow: Airflow, env: Mapping[str, str]) -> None:
        self._log = airflow.home / "night.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [BIN / "python", DRIVER],
                env={**airflow.env, **env}, cwd=airflow.home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        self.found = self._said()

    def run(self, dag: str, day: date | None, retries: int = 0) -> dict[str, Any]:
        """Run a DAG for a day, or without a logical date. Return its state, and the state, attempts and summary of
        each task."""
        assert self._process.stdin is not None
        named = day.isoformat() if day else None
        self._process.stdin.write(json.dumps({"dag": dag, "day": named, "retries": retries}) + "\n")
        self._process.stdin.flush()
        return self._said()

    def all(self, day: date) -> dict[str, dict[str, Any]]:
        """Run each DAG once, in the order of a night."""
        return {dag: self.run(dag, day) for dag in ORDER}

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(f"Airflow ended:\n{self.log()[-4000:]}")
        said: dict[str, Any] = json.loads(line)
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)


ORDER = (
    "apply_feedback",
    "learn_templates",
    "learn_new_errors",
    "reindex_knowledge",
    "retention",
    "weekly_report",
)
assert set(ORDER) == set(JOBS)

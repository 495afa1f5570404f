"""The image and the chart's values give the cluster the same versions and variables as the tests of the DAGs."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from cali.usecases.learn import JOBS
from cali_ops.images import IMAGES
from tests.airflow.process import DAGS, ROOT

ADDONS = ROOT / "eks_addons"
AIRFLOW = next(image for image in IMAGES if image.repository == "airflow-custom")


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ADDONS / "airflow" / "values.yaml").read_text("utf-8"))
    return read


def test_the_image_installs_what_the_tests_ran_with():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    tested = re.search(r"\$\(AIRFLOW\)/bin/python -m pip install .*--require-hashes -r (\S+)", makefile)
    assert tested
    assert tested[1] == AIRFLOW.requirements


def test_the_image_installs_by_hash_and_then_the_wheel():
    dockerfile = (ADDONS / "images" / AIRFLOW.folder / "Dockerfile").read_text("utf-8")
    installs = re.findall(r"pip install ([^&\n]*)", dockerfile)
    assert [install.split() for install in installs] == [
        ["--no-deps", "--require-hashes", "-r", "requirements.txt"],
        ["--no-deps", "./*.whl"],
    ]


def test_the_cluster_runs_that_image():
    told = (ADDONS / "airflow.tf").read_text("utf-8")
    assert f'defaultAirflowRepository = local.repositories["{AIRFLOW.repository}"]' in told


def test_git_sync_brings_the_folder_of_the_dags(values: dict[str, Any]):
    sync = values["dags"]["gitSync"]
    assert sync["enabled"] is True
    assert ROOT / sync["subPath"] == DAGS
    assert set(JOBS) <= {path.stem for path in DAGS.glob("*.py")}


def test_the_dags_run_without_anybody_switching_them_on(values: dict[str, Any]):
    assert values["config"]["core"]["dags_are_paused_at_creation"] == "False"
    assert values["config"]["core"]["load_examples"] == "False"


def test_tasks_are_told_where_to_read_and_write():
    """`learning()` raises Misconfigured without these."""
    told = (ADDONS / "variables.tf").read_text("utf-8")
    assert {"CALI_LOGS_BUCKET", "CALI_INCIDENTS_TABLE", "CALI_MILVUS_URI", "CALI_SLACK_SECRET"} <= set(
        re.findall(r"^ +(CALI_\w+) +=", told, re.M)
    )
    tasks = (ADDONS / "airflow.tf").read_text("utf-8")
    assert re.search(r"^    env = [^]]*\blocal\.settings\b", tasks, re.M), (
        "and Airflow's pods get all of them"
    )


def test_a_dag_that_changes_needs_neither_image_nor_terraform():
    for workflow in ("addons", "images"):
        paths = yaml.safe_load((ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text("utf-8"))
        watched = paths[True]["push"]["paths"]  # YAML parses `on` as true
        assert "!eks_addons/airflow/dags/**" in watched or not any(
            path.startswith(("eks_addons/**", "eks_addons/airflow")) for path in watched
        )

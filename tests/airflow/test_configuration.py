"""A real Airflow with the configuration, environment and permissions of the add-on."""

from __future__ import annotations

import ipaddress
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cali_ops.cost import resources_in
from tests.addons.conftest import ADDONS, Release, release
from tests.addons.tools import rendered
from tests.airflow.process import BIN, Airflow
from tests.airflow.storm import Storm
from tests.functional.aws_account import Account, account
from tests.infrastructure.policies import ACCOUNT, REGION, Statement, allowing, of, permits

pytestmark = [
    pytest.mark.skipif(
        not (BIN / "airflow").exists(), reason=".venv-airflow is not there: `make airflow` makes it"
    ),
    pytest.mark.slow,
]

BUCKET = f"cali-logs-{ACCOUNT}"
LOG = "dag_id=retention/run_id=manual/task_id=retain/attempt=1.log"
# The calls of a task's supervisor after the task, and of the page that shows the task's log.
WRITE = """
import pathlib, sys
from airflow.configuration import conf
from airflow.logging_config import get_remote_task_log
local = pathlib.Path(conf.get("logging", "base_log_folder"), sys.argv[1])
local.parent.mkdir(parents=True, exist_ok=True)
local.write_text("the task's own words")
get_remote_task_log().upload(sys.argv[1], None)
"""
READ = """
import sys
from airflow.logging_config import get_remote_task_log
print(get_remote_task_log().read(sys.argv[1], None)[1])
"""
CONNECT = """
import asyncio, sys
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from airflow.settings import _get_async_conn_uri_from_sync

async def connect(engine):
    async with engine.connect():
        pass

for run in (
    lambda: create_engine(sys.argv[1]).connect(),
    lambda: asyncio.run(connect(create_async_engine(_get_async_conn_uri_from_sync(sys.argv[1])))),
):
    try:
        run()
    except Exception as error:
        print(type(error).__name__, "refused" in str(error))
"""


@pytest.fixture(scope="module")
def addon(worked_out: dict[str, dict[str, Any]]) -> Release:
    return release(worked_out["dev"]["airflow"])


@pytest.fixture(scope="module")
def configuration(addon: Release, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the airflow.cfg that the chart renders. If the chart is missing, return the sections of our values."""
    archive = addon.archive()
    if archive is None:
        sections = addon.values["config"].items()
        return "\n".join(
            f"[{name}]\n" + "\n".join(f"{key} = {value}" for key, value in section.items())
            for name, section in sections
        )
    made = rendered(archive, addon.layers, addon.namespace, tmp_path_factory.mktemp("chart"), addon.name)
    (found,) = (one["data"]["airflow.cfg"] for one in made if "airflow.cfg" in one.get("data", ()))
    return str(found)


@pytest.fixture(scope="module")
def airflow(addon: Release, configuration: str, tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """Return an installation with the pod's environment. The role's credentials are variables here, without a region."""
    env = {entry["name"]: entry["value"] for entry in addon.values["env"]}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return Airflow(tmp_path_factory.mktemp("airflow"), configuration, **env, **keys)


@pytest.fixture(scope="module")
def roles(planned: dict[str, Any]) -> list[Statement]:
    return allowing(resources_in(planned))


@pytest.fixture
def aws() -> Iterator[Account]:
    with account() as made:
        where = {"LocationConstraint": REGION}
        made.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
        yield made


def objects(aws: Account) -> list[str]:
    return [one["Key"] for one in aws.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def test_a_task_finds_its_region(airflow: Airflow):
    assert airflow.python("import boto3; print(boto3.client('dynamodb').meta.region_name)") == f"{REGION}\n"


def test_a_new_task_log_is_written_and_shown(airflow: Airflow, aws: Account, roles: list[Statement]):
    for who in ("airflow-scheduler", "airflow-triggerer", "airflow-worker"):
        name = LOG.replace("retention", who)
        with Storm(aws.endpoint, partial(permits, of(roles, who))) as s3:
            airflow.python(WRITE, name, AWS_ENDPOINT_URL=s3.url)
        assert f"airflow-logs/{name}" in objects(aws), who
    with Storm(aws.endpoint, partial(permits, of(roles, "airflow-api-server"))) as s3:
        assert "the task's own words" in airflow.python(READ, name, AWS_ENDPOINT_URL=s3.url)


def test_no_log_is_written_by_who_may_not_list(airflow: Airflow, aws: Account, roles: list[Statement]):
    """Check that S3 rejects such a role. Otherwise the test above could not fail."""
    mine = of(roles, "airflow-scheduler")
    with Storm(
        aws.endpoint, lambda action, key: action != "s3:ListBucket" and permits(mine, action, key)
    ) as s3:
        airflow.python(WRITE, LOG, AWS_ENDPOINT_URL=s3.url)
    assert objects(aws) == []


def test_the_page_asks_an_address_for_the_log_of_a_running_task(airflow: Airflow):
    said = airflow.python("from airflow.utils.net import get_hostname; print(get_hostname())")
    assert ipaddress.ip_address(said.strip())


def test_both_drivers_understand_the_connection(airflow: Airflow):
    """Both drivers complain only that no server listens."""
    written = re.search(r'connection\s*= "(.*)"', (ADDONS / "secrets.tf").read_text("utf-8"))
    assert written
    address = re.sub(r"\$\{[^}]*\}", "secret", written[1]).replace(
        "airflow-postgresql.airflow:5432", "127.0.0.1:1"
    )
    sync, asynchronous = airflow.python(CONNECT, address).splitlines()
    assert sync == "OperationalError True"
    assert asynchronous.startswith(("ConnectionRefusedError", "OSError")), asynchronous


def free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_the_scheduler_answers_its_probes(airflow: Airflow, addon: Release):
    health = str(free())
    env = {
        **airflow.env,
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": health,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free()),
    }
    scheduler = addon.values["scheduler"]
    asked = [
        [str(BIN / "python"), *(word.replace("8974", health) for word in scheduler[probe]["command"][1:])]
        for probe in ("startupProbe", "livenessProbe")
    ]
    with (airflow.home / "scheduler.log").open("wb") as log:
        running = subprocess.Popen(
            [BIN / "airflow", "scheduler"], env=env, cwd=airflow.home, stdout=log, stderr=log
        )
        try:
            while subprocess.run(asked[0], capture_output=True, check=False).returncode:
                assert running.poll() is None, Path(log.name).read_text()[-4000:]
                time.sleep(0.5)
            assert subprocess.run(asked[1], capture_output=True, check=False).returncode == 0
        finally:
            running.terminate()
            running.wait()
    assert subprocess.run(asked[0], capture_output=True, check=False).returncode


def test_the_configuration_is_the_whole_of_ours(addon: Release, airflow: Airflow):
    """Airflow ignores a section or key that it does not know."""
    import_ = "import sys, json; from airflow.configuration import conf; print(json.dumps(conf.configuration_description))"
    known = yaml.safe_load(airflow.python(import_))
    for section, keys in addon.values["config"].items():
        if section != "celery":  # its provider is not installed here
            assert keys.keys() <= known[section]["options"].keys(), section

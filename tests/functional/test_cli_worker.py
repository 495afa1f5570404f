"""`cali worker` as a process against an emulated account."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
from cali.core.life import StoredIncident
from cali.core.models import Origin, Status
from cali.testing.model_server import ModelServer, explanation
from tests.functional.aws_account import BUCKET, INCIDENTS, INCIDENTS_TABLE, LOGS, REGION, Account, account
from tests.functional.aws_fakes import fluent
from tests.functional.shell import CALI, inside
from tests.functional.test_aws_handlers import objects

UNKNOWN = "ERROR zulu coupling lost its phase on rack 7"
KNOWN = "ERROR write: no space left on device"


@pytest.fixture
def aws() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


@pytest.fixture
def model() -> Iterator[ModelServer]:
    answer = explanation("The zulu coupling lost its phase.", ["L1"], ["Check the coupling."])
    with ModelServer(answer) as server:
        yield server


def environment(aws: Account, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CALI_"))}
    return {
        **kept,
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "CALI_LOGS_STREAM": LOGS,
        "CALI_INCIDENTS_STREAM": INCIDENTS,
        "CALI_INCIDENTS_TABLE": INCIDENTS_TABLE,
        "CALI_LOGS_BUCKET": BUCKET,
        **more,
    }


class Worker:
    """A running `cali worker`."""

    def __init__(self, environ: dict[str, str], *args: str) -> None:
        self._process = subprocess.Popen(
            [CALI, "worker", *args], env=environ, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def end(self) -> tuple[int, str]:
        """Send SIGTERM, as Kubernetes does. Return exit code and log."""
        self._process.send_signal(signal.SIGTERM)
        _, log = self._process.communicate(timeout=120)
        return self._process.returncode, log


def put(aws: Account, stream: str, *payloads: bytes) -> None:
    records = [{"Data": payload, "PartitionKey": "pod"} for payload in payloads]
    aws.client("kinesis").put_records(StreamName=stream, Records=records)


def kept(aws: Account) -> list[StoredIncident]:
    store = DynamoIncidents(aws.client("dynamodb"), INCIDENTS_TABLE)
    return store.find(tuple(Status), 10)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.3)


def test_lines_become_explained_incidents_and_alerts_once_across_a_restart(
    aws: Account, model: ModelServer, tmp_path: Path
):
    environ = environment(aws, CALI_OPENAI_BASE_URL=model.url, CALI_MODEL="local-model")
    fine = fluent("INFO fine")
    put(aws, LOGS, fine, fluent(UNKNOWN), b"\x1f\x8bpoison", fluent(KNOWN), fine)
    alive = tmp_path / "alive"
    with Worker(environ, "--alive", str(alive)) as worker:
        until(lambda: len(found := kept(aws)) == 2 and all(one.incident.diagnosis for one in found))
        put(aws, INCIDENTS, b"noise")
        until(lambda: len(objects(aws, "quarantine/dt=")) == 2)  # the poisoned line, and the noise
        code, log = worker.end()
    assert code == 0, log
    assert "Traceback" not in log
    assert alive.exists()
    origins = {one.incident.diagnosis.origin for one in kept(aws) if one.incident.diagnosis}
    assert origins == {Origin.KNOWLEDGE, Origin.MODEL}

    with Worker(environ) as again:
        put(aws, LOGS, fluent(KNOWN), fine)
        until(lambda: sorted(one.incident.count for one in kept(aws)) == [1, 2])  # no record is read twice
        code, log = again.end()
    assert code == 0, log
    assert model.calls == 1
    assert len(objects(aws, "quarantine/dt=")) == 2


def test_one_job_can_be_done_alone(aws: Account):
    put(aws, LOGS, fluent(KNOWN), fluent("INFO fine"))
    with Worker(environment(aws), "--do", "analyze") as worker:
        until(lambda: len(kept(aws)) == 1)
        code, _ = worker.end()
    assert code == 0
    assert kept(aws)[0].incident.diagnosis is None


def test_a_stream_that_is_not_there_ends_the_worker_with_one_line(aws: Account):
    environ = environment(aws, CALI_LOGS_STREAM="gone")
    ran = subprocess.run(
        [CALI, "worker"], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 2
    assert "stream gone" in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr


def test_what_is_not_set_is_named(cache: Path):
    ran = inside("worker")
    assert ran.code == 2
    assert "CALI_LOGS_STREAM" in ran.err


def test_a_file_of_life_that_cannot_be_there_is_named_before_anything_runs(cache: Path, tmp_path: Path):
    done = inside("worker", "--alive", tmp_path / "none" / "alive")
    assert done.code == 2
    assert f"--alive {tmp_path}/none/alive: {tmp_path}/none is not a directory" in done.err

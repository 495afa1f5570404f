"""A tiny Chalice app, deployed by the real Chalice, run in the real runtime client, with Lambda's polling."""

from __future__ import annotations

import io
import json
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.aws import BUCKET, INCIDENTS, LOGS, Account, Resources
from tests.cloud.deploy import chalice
from tests.cloud.fleet import Fleet, Invocations
from tests.cloud.mappings import settled
from tests.cloud.streams import Streams

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # warnings of botocore and Chalice
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@dataclass
class Place:
    """An account with the tiny app, and the fleet that runs it."""

    account: Account
    fleet: Fleet
    project: Path

    def deploy(self) -> str:
        said = chalice(self.account, self.project, "deploy")
        self.fleet.refresh()
        return said

    def change(self, **settings: Any) -> None:
        client, uuid = self.account.client("lambda"), self.mapping()["UUID"]
        settled(client, uuid)  # Lambda rejects changes during a transition
        client.update_event_source_mapping(UUID=uuid, **settings)
        settled(client, uuid)
        self.fleet.refresh()

    def mapping(self) -> dict[str, Any]:
        (found,) = self.account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return dict(found)

    def put(self, *words: str) -> None:
        rows = [{"Data": word.encode(), "PartitionKey": "one"} for word in words]
        self.account.client("kinesis").put_records(StreamName=LOGS, Records=rows)

    def copied(self) -> list[str]:
        kinesis = self.account.client("kinesis")
        shard = kinesis.list_shards(StreamName=INCIDENTS)["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(
            StreamName=INCIDENTS, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        rows = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        return [row["Data"].decode() for row in rows]

    def counts(self, name: str) -> int:
        return sum(progress.counts[name] for _, progress in self.fleet.progress())

    def settle(self, met: Callable[[], bool]) -> None:
        self.until(lambda: met() and self.fleet.idle)

    def until(self, met: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if met():
                return
            time.sleep(0.05)
        lines = [line.text[:300] for host in self.fleet.hosts().values() for line in list(host.lines)[-5:]]
        raise AssertionError(f"not settled after {seconds} s; {self.copied()}; {lines}")


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Account, Invocations]]:
    invocations = Invocations()
    with Account(tmp_path_factory.mktemp("account"), invocations.port) as account:
        yield account, invocations
    invocations.close()


@pytest.fixture
def place(tmp_path: Path, emulated: tuple[Account, Invocations]) -> Iterator[Place]:
    account, invocations = emulated
    project = tmp_path / "tiny"
    shutil.copytree(Path(__file__).with_name("tiny"), project)
    account.reset()
    account.create(Resources())
    with closing(Streams(lambda: account.client("kinesis"), poll=0.05)) as streams:
        fleet = Fleet(account, tmp_path / "fleet", streams)
        invocations.fleet = fleet
        layer = account.publish_layer(
            "dependencies", _zip({"python/in_layer.py": "NAME = 'from the layer'\n"})
        )
        config = json.loads((project / ".chalice/config.json").read_text())
        config["stages"]["local"]["layers"] = [layer]
        (project / ".chalice/config.json").write_text(json.dumps(config))
        chalice(account, project, "deploy")
        fleet.refresh()
        try:
            yield Place(account, fleet, project)
        finally:
            fleet.close()


def test_the_deployed_artefact_is_what_runs(place: Place) -> None:
    answers = [json.loads(place.fleet.invoke("tiny-local-echo", b'{"a": 1}').body) for _ in range(2)]

    assert [answer["count"] for answer in answers] == [1, 2]  # the process stays warm
    assert answers[0]["event"] == {"a": 1}
    assert answers[0]["layer"] == "from the layer"
    assert 2_000 < answers[0]["left"] <= 3_000  # the timeout as deployed
    assert answers[0]["id"] != answers[1]["id"]
    assert any("heard" in line.text for line in place.fleet.host("tiny-local-echo").lines)


def test_invoke_reaches_it_through_the_account(place: Place) -> None:
    answer = place.account.client("lambda").invoke(FunctionName="tiny-local-echo", Payload=b'{"b": 2}')

    assert json.loads(answer["Payload"].read())["event"] == {"b": 2}


def test_what_is_installed_for_developers_alone_is_not_there(place: Place) -> None:
    outcome = place.fleet.invoke("tiny-local-stray", b"{}")

    assert "No module named 'pytest'" in outcome.error


def test_records_reach_the_function_once_and_in_order(place: Place) -> None:
    words = [f"word:{n}" for n in range(35)]
    place.put(*words)
    place.settle(lambda: len(place.copied()) >= 35)

    assert place.copied() == words
    assert place.counts("deliveries") >= 4  # batches of ten, as in the app
    assert place.counts("done") == 35


def test_a_reported_failure_comes_again_with_all_after_it_and_is_given_up_to_s3(place: Place) -> None:
    place.change(
        FunctionResponseTypes=["ReportBatchItemFailures"],
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{BUCKET}"}},
    )
    place.put("word:1", "fail:2", "word:3")
    place.settle(lambda: place.counts("dropped") > 0)

    s3 = place.account.client("s3")
    (kept,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    record = json.loads(s3.get_object(Bucket=BUCKET, Key=kept["Key"])["Body"].read())
    given_up = json.loads(record["payload"])["Records"]

    assert place.copied() == ["word:1"]
    assert kept["Key"].startswith(f"aws/lambda/{place.mapping()['UUID']}/shardId-")
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["KinesisBatchInfo"]["batchSize"] == len(given_up) == 2


def test_a_crash_is_bisected_until_only_the_bad_record_is_given_up(place: Place) -> None:
    place.change(BisectBatchOnFunctionError=True, MaximumRetryAttempts=0)
    place.put("word:1", "word:2", "crash:3", "word:4")
    place.settle(lambda: place.counts("dropped") > 0 and "word:4" in place.copied())

    assert set(place.copied()) == {"word:1", "word:2", "word:4"}
    assert place.counts("dropped") == 1
    assert place.fleet.host("tiny-local-copy").counts["starts"] >= 2


def test_a_function_past_its_timeout_is_ended(place: Place) -> None:
    place.change(MaximumRetryAttempts=0)
    place.put("slow:1")
    place.settle(lambda: place.counts("dropped") == 1)

    assert place.copied() == []  # it sleeps for a minute before it copies


def test_a_kill_in_the_middle_loses_nothing(place: Place) -> None:
    place.change(MaximumRetryAttempts=5)
    place.put("slow:1")
    host = place.fleet.host("tiny-local-copy")
    end = time.monotonic() + 10
    while not host.kill_one() and time.monotonic() < end:
        time.sleep(0.02)
    place.until(lambda: place.counts("again") == 1)

    assert host.counts["kills"] == 1
    assert place.counts("done") == 0


def test_a_redeploy_keeps_the_settings_and_runs_the_new_code(place: Place) -> None:
    place.change(
        FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=7, ParallelizationFactor=2
    )
    before = place.mapping()
    source = place.project / "app.py"
    source.write_text(source.read_text().replace('"heard": event', '"heard anew": event'))

    place.deploy()
    place.fleet.invoke("tiny-local-echo", b"{}")

    assert place.mapping()["UUID"] == before["UUID"]
    for setting in ("FunctionResponseTypes", "MaximumRetryAttempts", "ParallelizationFactor", "BatchSize"):
        assert place.mapping()[setting] == before[setting]
    assert any("heard anew" in line.text for line in place.fleet.host("tiny-local-echo").lines)


def test_delete_leaves_nothing(place: Place) -> None:
    chalice(place.account, place.project, "delete")
    place.fleet.refresh()

    client = place.account.client("lambda")
    assert client.list_functions()["Functions"] == []
    assert client.list_event_source_mappings()["EventSourceMappings"] == []
    assert place.fleet.hosts() == {}
    place.put("word:1")  # and putting records still works


def _zip(files: dict[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return held.getvalue()

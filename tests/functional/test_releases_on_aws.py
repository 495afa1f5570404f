"""A function's process follows the releases in the bucket: forward, back, and past a damaged one, without a
deployment or restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cali.adapters.aws.s3 import S3Objects
from cali.core.models import KnowledgeEntry, Severity
from cali.stages.refine import masks
from cali.stages.refine.book import learn
from cali.stages.retrieve.knowledge import load
from cali.usecases.learn.drafts import AREA
from cali.usecases.releases import LearntKnowledge, Releases
from tests.functional.aws_account import BUCKET, INCIDENTS, INCIDENTS_TABLE, LOGS, REGION, Account, account
from tests.unit.learning.week import SHARD, SHARD_CAUSE

AT = "2026-11-20T03:00:00+00:00"
ENTRY = KnowledgeEntry(
    id="learnt-shard",
    title="A ledger shard is behind",
    area=AREA,
    symptoms=(SHARD,),
    match=((r"ledger\s+shard", r"epochs\s+behind"),),
    cause=SHARD_CAUSE,
    fix=("Wait.",),
    severity=Severity.ERROR,
    tags=(AREA,),
)
PROGRAM = """
import json, sys
from cali.bootstrap.aws import AwsParts, aws_parts, begin
from cali.core.settings import from_environment
from cali.testing.clock import FakeClock

clock, warned = FakeClock(0.0), []
begin(AwsParts(from_environment(), now=clock, warn=warned.append))
print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    clock.time = asked["at"]
    parts = aws_parts()
    print(json.dumps({
        "known": parts.knowledge.signatures().matching(asked["text"]),
        "diagnose": id(parts.diagnose),
        "analyze": id(parts.analyze),
        "template": parts.refiner.template(asked["text"]).text,
        "version": parts.knowledge.version,
        "failures": parts.release_failures,
        "warned": warned,
    }), flush=True)
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


class Function:
    """A running process, as Lambda keeps one."""

    def __init__(self, endpoint: str, place: Path) -> None:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "CALI_LOGS_BUCKET": BUCKET,
            "CALI_LOGS_STREAM": LOGS,
            "CALI_INCIDENTS_STREAM": INCIDENTS,
            "CALI_INCIDENTS_TABLE": INCIDENTS_TABLE,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def at(self, seconds: float, text: str = SHARD) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"at": seconds, "text": text}) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return said

    def close(self) -> None:
        self._process.communicate(timeout=20)


@pytest.fixture
def function(aws: Account, tmp_path: Path) -> Iterator[Function]:
    made = Function(aws.endpoint, tmp_path)
    yield made
    made.close()


@pytest.fixture
def releases(aws: Account) -> Iterator[Releases]:
    kept = S3Objects(aws.client("s3"), BUCKET)
    yield Releases(kept, kept)
    for key in list(kept.keys("releases/")):
        kept.drop(key)


def publish(releases: Releases, *entries: KnowledgeEntry) -> str:
    learnt = LearntKnowledge({entry.id: entry for entry in entries})
    return releases.change(lambda _: learnt, "2026-11-20", AT, "learnt", load()).versions.knowledge


def test_a_running_function_knows_within_a_minute_what_was_released_and_goes_back(
    function: Function, releases: Releases
) -> None:
    before = function.at(0)
    assert before["known"] == []
    publish(releases, ENTRY)
    assert function.at(59)["known"] == []
    after = function.at(60)
    assert after["known"] == [ENTRY.id]
    assert after["diagnose"] != before["diagnose"]
    assert after["analyze"] == before["analyze"]
    releases.back(AT, "oops")
    assert function.at(120)["version"] == before["version"]


def test_a_damaged_release_is_refused_and_the_old_one_kept(
    function: Function, releases: Releases, aws: Account
) -> None:
    publish(releases, ENTRY)
    assert function.at(0)["known"] == [ENTRY.id]
    version = publish(releases)
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"releases/knowledge/{version}.json", Body=b"{}")
    said = function.at(60)
    assert said["known"] == [ENTRY.id]
    assert said["failures"] == 1
    assert f"releases/knowledge/{version}.json: not a release of knowledge" in said["warned"][0]


def test_a_new_book_changes_only_the_templates_that_it_merges(function: Function, releases: Releases) -> None:
    text, other = "page element visible is sidebar now", "carrier label discarded at once"
    before = function.at(0, text), function.at(0, other)
    assert before[0]["template"] == text
    words = ("showampm", "ownerinfo", "calendar", "weather", "clockface")
    book = learn(masks.load().version, [f"page element visible is {word} now" for word in words])
    releases.publish_book(book, "2026-11-20", AT, "templates")
    after = function.at(60, text), function.at(60, other)
    assert after[0]["template"] == "page element visible is <*> now"
    assert after[0]["analyze"] != before[0]["analyze"]
    assert after[1]["template"] == before[1]["template"]


def test_without_a_release_nobody_minds(function: Function) -> None:
    said = function.at(0)
    assert (said["failures"], said["warned"]) == (0, [])

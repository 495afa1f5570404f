"""S3 answers 403 instead of 404 if the caller may list only some prefixes. Before the first release that is no error."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cali.adapters.aws.s3 import S3Objects
from cali.core.errors import Misconfigured
from cali.stages.retrieve import knowledge
from cali.usecases.releases import Releases, ReleaseWatch
from cali.usecases.releases.repository import POINTER
from tests.contracts.entries import HOST, MEMORY

SHIPPED = knowledge.knowledge_of((MEMORY, HOST), "2026-01-01")


def refused(call: str) -> ClientError:
    said = {"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}
    return ClientError(said, call)  # type: ignore[arg-type]  # only the fields that the code reads


class Prefixed:
    """A client of S3 that may read and list only some prefixes."""

    def __init__(self, kept: dict[str, bytes] | None = None, lists: str = "", reads: str = "") -> None:
        self.kept = kept or {}
        self.lists = lists
        self.reads = reads
        self.asked = 0

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3 names it
        self.asked += 1
        if Key not in self.kept or not (self.reads and Key.startswith(self.reads)):
            raise refused("GetObject")
        return {"Body": io.BytesIO(self.kept[Key]), "ETag": '"1"'}

    def list_objects_v2(self, *, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3 names it
        if not (self.lists and Prefix.startswith(self.lists)):
            raise refused("ListObjectsV2")
        return {"Contents": [{"Key": key} for key in sorted(self.kept) if key.startswith(Prefix)]}


class Process:
    """A function's process: its loaded releases, its warnings, and its clock."""

    def __init__(self, client: Prefixed) -> None:
        self.now = 0.0
        self.said: list[str] = []
        kept = S3Objects(client, "logs", self.said.append)
        releases = Releases(kept, kept)
        self.watch = ReleaseWatch(
            lambda: releases, lambda: SHIPPED, "masks-1", lambda: self.now, self.said.append
        )

    def minutes(self, count: int) -> None:
        for _ in range(count):
            assert self.watch.knowledge is SHIPPED
            self.watch.look()
            self.now += 60.0


def test_a_list_that_does_not_hold_the_pointer_says_that_there_is_no_release():
    client = Prefixed({"releases/current.json.bak": b"{}"}, lists="releases/")
    process = Process(client)
    process.minutes(5)
    assert (process.watch.failures, process.said) == (0, [])
    assert client.asked == 5


def test_a_refusal_that_nobody_explains_is_no_release_and_is_said_once():
    client = Prefixed()
    process = Process(client)
    process.minutes(5)
    assert process.watch.failures == 0
    assert client.asked == 5  # the pointer is checked once a minute, so the first release is noticed
    (line,) = process.said
    assert line.startswith(f"s3://logs/{POINTER}: ")
    assert "AccessDenied" in line
    assert line.endswith("treated as missing")


def test_a_pointer_that_was_read_before_and_is_refused_now_is_a_failure():
    client = Prefixed(
        {POINTER: b'{"knowledge":"","book":"","previous":{},"at":"","why":""}'}, reads="releases/"
    )
    process = Process(client)
    process.minutes(1)
    client.reads = ""
    process.minutes(1)
    assert process.watch.failures == 1
    assert process.said[0].startswith("releases: the loaded release stays in use: ")


def test_others_hear_of_a_refusal_but_not_of_what_is_only_missing():
    there = S3Objects(Prefixed({"learning/a": b"x"}, lists="learning/"), "logs")
    assert there.get("learning/b") is None
    with pytest.raises(Misconfigured, match="AccessDenied"):
        there.get("learning/a")
    with pytest.raises(Misconfigured, match="AccessDenied"):
        there.get("config/alerts.yaml")


def test_a_pointer_with_a_known_tag_exists_so_its_refusal_is_raised():
    said: list[str] = []
    with pytest.raises(Misconfigured, match="AccessDenied"):
        S3Objects(Prefixed({POINTER: b"{}"}), "logs", said.append).read(POINTER, '"1"')
    assert said == []

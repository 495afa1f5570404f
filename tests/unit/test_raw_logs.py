"""Stored logs of Firehose and other writers: recognised, in order, in bounded memory."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from cali.adapters.sources.raw_logs import raw_logs
from cali.adapters.sources.raw_records import Damaged, records, unzipped
from cali.core.errors import Misconfigured, Retryable
from tests.growth import LINEAR, growth

SIZES = (1, 5, 100_000)
NOON = 1_795_176_000.0  # 2026-11-20T12:00:00Z


def told_apart(raw: bytes, size: int = 7) -> list[bytes]:
    return list(records(raw[at : at + size] for at in range(0, len(raw), size)))


def subscription(*messages: str) -> bytes:
    events = [
        {"id": str(n), "timestamp": 1_795_176_000_000, "message": text} for n, text in enumerate(messages)
    ]
    held = {"messageType": "DATA_MESSAGE", "logGroup": "/aws/lambda/f", "logStream": "s", "logEvents": events}
    return json.dumps(held).encode()


@pytest.mark.parametrize("size", SIZES)
def test_objects_that_touch_are_told_apart_and_lines_stay_lines(size: int) -> None:
    raw = b'{"a":1}{"b":"}{"}{"c":{}}\n{"d":2}\ntext one\r\n\n{"e":{}{\nlast'

    assert told_apart(raw, size) == [
        b'{"a":1}', b'{"b":"}{"}', b'{"c":{}}', b'{"d":2}', b"text one", b'{"e":{}{', b"last",
    ]  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_subscriptions_are_unpacked_wherever_they_stand(size: int) -> None:
    raw = b"first\n" + gzip.compress(subscription("one", "two")) + gzip.compress(subscription("three"))
    raw += b'{"z":1}' + gzip.compress(subscription("four")) + subscription("five") + b"\nlast\n"

    found = told_apart(raw, size)

    assert [len(found), found[0], found[4], found[-1]] == [8, b"first", b'{"z":1}', b"last"]
    said = [json.loads(found[place])["log"] for place in (1, 2, 3, 5, 6)]
    assert said == ["one", "two", "three", "four", "five"]


@pytest.mark.parametrize("size", SIZES)
def test_a_damaged_member_costs_no_line_behind_it(size: int) -> None:
    raw = b"one\n" + gzip.compress(subscription("x"))[:-9] + b"\x00\x00\n\ntwo\n"

    found = told_apart(raw, size)

    assert (found[0], found[-1]) == (b"one", b"two")
    assert b"".join(found[1:-1]) != b""  # the rest of it goes to quarantine


def test_a_line_that_does_not_end_does_not_fill_the_memory() -> None:
    tracemalloc.start()
    found = sum(1 for _ in records(b"x" * 1_000_000 for _ in range(100)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == 12
    assert peak < 40_000_000


def test_gzipped_content_is_read_over_all_its_members() -> None:
    raw = gzip.compress(b"a\nb\n") + gzip.compress(b"c\n")

    assert b"".join(unzipped([raw[:1], raw[1:30], raw[30:]], "x")) == b"a\nb\nc\n"
    assert b"".join(unzipped([b"pl", b"ain"], "x")) == b"plain"
    assert list(unzipped([], "x")) == []


@pytest.mark.parametrize("cut", [15, -3])
def test_a_gzip_file_that_ends_too_early_is_damaged(cut: int) -> None:
    with pytest.raises(Damaged, match=r"there\.gz: truncated gzip file"):
        list(unzipped([gzip.compress(b"abc" * 100)[:cut]], "there.gz"))


def archive(folder: Path, **days: bytes) -> Path:
    for name, content in days.items():
        day, _, part = name.removeprefix("d").partition("_")
        place = folder / f"dt=2026-11-{day}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"cali-{part}.gz").write_bytes(gzip.compress(content))
    return folder


def test_objects_are_read_in_the_order_of_their_keys_and_lines_are_numbered_on(tmp_path: Path) -> None:
    archive(tmp_path / "raw", d20_2=b"c\n", d20_1=b"a\nb\n", d21_1=b"d")
    (tmp_path / "raw" / ".DS_Store").write_bytes(b"no log")

    logs = raw_logs(str(tmp_path / "raw"))

    assert list(logs.lines()) == [(1, b"a"), (2, b"b"), (3, b"c"), (4, b"d")]
    assert list(logs.lines()) == list(logs.lines())
    assert (logs.year, len(logs.objects)) == (2026, 3)


def test_only_days_that_may_hold_the_time_are_read(tmp_path: Path) -> None:
    archive(tmp_path, d18_1=b"a", d19_1=b"b", d20_1=b"c", d21_1=b"d", d22_1=b"e")

    until = raw_logs(str(tmp_path), until=NOON)
    since = raw_logs(str(tmp_path), since=NOON)

    # Lines of the 20th may have arrived after midnight.
    assert [line for _, line in until.lines()] == [b"a", b"b", b"c", b"d"]
    assert [line for _, line in since.lines()] == [b"c", b"d", b"e"]


def test_a_damaged_object_is_told_and_costs_no_other(tmp_path: Path) -> None:
    archive(tmp_path, d20_1=b"a\n", d20_2=b"b\n" * 100, d20_3=b"c\n")
    second = tmp_path / "dt=2026-11-20" / "cali-2.gz"
    second.write_bytes(second.read_bytes()[:-5])

    logs = raw_logs(str(tmp_path))

    assert [line for _, line in logs.lines()][-1] == b"c"
    assert logs.damaged == [f"{tmp_path}: dt=2026-11-20/cali-2.gz: truncated gzip file"]


def test_a_plain_file_is_a_source_too(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"one\ntwo")

    logs = raw_logs(str(tmp_path / "app.log"))

    assert (list(logs.lines()), logs.year) == ([(1, b"one"), (2, b"two")], None)


@pytest.mark.parametrize("source", ["{}/nowhere", "{}/empty", "s3://", "s3://Not_A_Bucket/raw/"])
def test_what_is_no_source_is_one_clear_line(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(Misconfigured, match=r"no such file|nothing to replay|not the address of a bucket"):
        raw_logs(source.format(tmp_path))


class Bucket:
    """A client of S3 with one object, whose transfer breaks off a number of times. `size` is the listed size."""

    def __init__(self, body: bytes, breaks: int = 0, size: int | None = None) -> None:
        self._body = body
        self._breaks = breaks
        self._size = len(body) if size is None else size

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        keys = [{"Key": "raw/a.gz", "Size": self._size}, {"Key": "raw/empty", "Size": 0}]
        return [{"Contents": keys}, {}]

    def get_object(self, **_: Any) -> dict[str, Any]:
        self._breaks -= 1
        sent = self._body[: len(self._body) // 2] if self._breaks >= 0 else self._body
        return {"Body": StreamingBody(io.BytesIO(sent), len(self._body))}


def fetched(bucket: Bucket) -> list[bytes]:
    return [line for _, line in raw_logs("s3://cali-logs-1/raw/", client=bucket).lines()]


def test_a_transfer_that_breaks_off_is_made_again() -> None:
    assert fetched(Bucket(gzip.compress(b"a\nb\n"), breaks=2)) == [b"a", b"b"]
    with pytest.raises(Retryable, match="s3://cali-logs-1/raw/a"):
        fetched(Bucket(gzip.compress(b"a\nb\n"), breaks=3))


def test_a_large_object_is_read_as_it_comes_and_one_that_breaks_off_is_told() -> None:
    body = gzip.compress(b"line\n" * 1_000_000, 1)

    assert len(fetched(Bucket(body, size=1 << 30))) == 1_000_000
    with pytest.raises(Retryable, match="s3://cali-logs-1/raw/a"):
        fetched(Bucket(body, breaks=1, size=1 << 30))


PIECES = st.sampled_from(
    [b"{", b"}", b'{"a":1}', b'{"a":"}{"}', b"\n", b"\r\n", b"text ", b"\x1f", b"\x1f\x8b\x08", b"\x00", b'"', b"\xff",
     gzip.compress(b"packed\nlines", mtime=0), gzip.compress(b"cut", mtime=0)[:-4], subscription("one")]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(b"".join), st.integers(1, 9))
def test_how_the_bytes_were_cut_changes_no_line(raw: bytes, size: int) -> None:
    assert told_apart(raw, size) == told_apart(raw, len(raw) or 1)


def test_a_header_that_does_not_end_does_not_fill_the_memory() -> None:
    pieces = itertools.chain(
        [b"one\n\x1f\x8b\x08\x08\0\0\0\0\0\0"], itertools.repeat(b"a" * 65_535 + b"\n", 3_000)
    )
    tracemalloc.start()

    count = sum(1 for _ in records(pieces))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3_001
    assert peak < 170_000_000


@pytest.mark.parametrize(
    ("since", "until"), [(-1e11, NOON + 1e6), (NOON, 253_402_300_799.0), (-1e300, 1e300)]
)
def test_a_time_at_the_end_of_the_calendar_is_a_time(tmp_path: Path, since: float, until: float) -> None:
    home = archive(tmp_path, **{"2026-11-20": b"one\n"})

    assert [line for _, line in raw_logs(str(home), since, until).lines()] == [b"one"]


class Listed:
    """A bucket of one object that records the start keys of its listings."""

    def __init__(self, key: str) -> None:
        self.key = key

    def get_paginator(self, _: str) -> Listed:
        return self

    def paginate(self, Prefix: str, StartAfter: str = "", **_: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's names
        held = self.key.startswith(Prefix) and self.key > StartAfter
        return [{"Contents": [{"Key": self.key, "Size": 4}]}] if held else [{}]


@pytest.mark.parametrize(
    "prefix", ["", "raw/", "raw/dt=2026-11-20/", "raw/dt=2026-11-20", "raw/dt=2026-11-20/cali"]
)
def test_since_leaves_no_object_of_its_day_out(prefix: str) -> None:
    bucket = Listed("raw/dt=2026-11-20/cali-logs-raw-1.gz")

    found = raw_logs(f"s3://cali-logs-1/{prefix}", NOON, None, bucket).objects

    assert [kept.key for kept in found] == [bucket.key]


def test_bytes_that_only_look_like_gzip_cost_little() -> None:
    def read(count: int) -> None:
        assert len(told_apart(b"\n\x1f\x8b\x08\xff" * count, 262_144)) == count

    assert growth(read, 6_000) < LINEAR  # larger if each of them costs a copy of the chunk

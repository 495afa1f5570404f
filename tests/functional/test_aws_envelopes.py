"""Kinesis records in every envelope, and damaged in every way."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64encode
from typing import Any

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.errors import Poison
from cali.core.models import Record, Severity
from cali.stages.decode import Decoder
from cali.stages.decode.kinesis_records import UNPACKED, lines_of, split


def lines(raw: bytes) -> list[bytes]:
    return list(lines_of(b64encode(raw)))


def aggregate(*records: bytes) -> bytes:
    """Return an aggregate of the KPL, made by AWS's own package."""
    made = RecordAggregator()
    for record in records:
        made.add_user_record("key", record)
    raw: bytes = made.clear_and_get().get_contents()[2]
    return raw


def subscription(*messages: str, kind: str = "DATA_MESSAGE", group: str = "/aws/lambda/pay") -> bytes:
    events = [
        {"id": str(n), "timestamp": 1_795_176_000_000 + n, "message": m} for n, m in enumerate(messages)
    ]
    held: dict[str, Any] = {"messageType": kind, "logGroup": group, "logStream": "s", "logEvents": events}
    return gzip.compress(json.dumps(held).encode())


def test_a_plain_record_is_its_line() -> None:
    assert lines(b'{"log":"x"}') == [b'{"log":"x"}']
    assert lines(b"xylophone is out of tune") == [b"xylophone is out of tune"]
    assert lines(b"") == []


def test_several_lines_are_several_lines_and_blank_ones_are_none() -> None:
    assert lines(b"a\nb\r\n\n  \nc\n") == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(b"a\nb", mtime=0),
        zlib.compress(b"a\nb"),
        gzip.compress(b"a\n", mtime=0) + gzip.compress(b"b", mtime=0),
    ],
)
def test_compressed_lines_are_unpacked(packed: bytes) -> None:
    assert lines(packed) == [b"a", b"b"]


def test_an_aggregate_is_taken_apart_and_its_parts_unpacked() -> None:
    assert lines(aggregate(b"a", b"b\nc", gzip.compress(b"d", mtime=0))) == [b"a", b"b", b"c", b"d"]


def test_a_subscription_is_one_line_for_each_event_with_its_time_and_origin() -> None:
    (raw, other) = lines(
        subscription("[ERROR] KeyError: 'x'\nTraceback ...\n", "2026-11-20T12:00:00Z INFO fine\n")
    )
    record = Decoder("c").decode(raw, 1)
    assert isinstance(record, Record)
    assert (record.scope.workload, record.severity, record.time) == ("pay", Severity.ERROR, 1_795_176_000.0)
    assert "Traceback" in record.message
    assert isinstance(Decoder("c").decode(other, 2), Record)


def test_a_control_message_holds_nothing() -> None:
    assert lines(subscription("CWL CONTROL MESSAGE: Checking health", kind="CONTROL_MESSAGE")) == []


def test_what_fluent_bit_wrote_to_cloudwatch_keeps_its_pod() -> None:
    line = json.dumps({"log": "ERROR x", "kubernetes": {"pod_name": "p", "namespace_name": "n"}})
    assert lines(subscription(line)) == [line.encode()]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (gzip.compress(b"a" * 100, mtime=0)[:-6], "the data is truncated"),
        (gzip.compress(b"a" * 100, mtime=0)[:12] + b"\xff" * 30, "damaged compression"),
        (b"\x1f\x8b", "the data is truncated"),
        (aggregate(b"a")[:-1] + b"\x00", "checksum"),
        (b"\xf3\x89\x9a\xc2", "checksum"),
    ],
)
def test_what_is_damaged_says_how(raw: bytes, why: str) -> None:
    with pytest.raises(Poison, match=why):
        lines(raw)


def test_what_is_no_base64_says_so() -> None:
    with pytest.raises(Poison, match="not base64"):
        lines_of("a&b")


def test_a_small_record_that_unpacks_to_gigabytes_is_refused() -> None:
    with pytest.raises(Poison, match="more than"):
        lines(gzip.compress(bytes(UNPACKED + 1), 9, mtime=0))


@settings(max_examples=200)
@given(
    st.binary(max_size=60), st.sampled_from([b"", b"\x1f\x8b\x08", b"\x78\x9c", b"\xf3\x89\x9a\xc2", b"{"])
)
def test_any_bytes_are_lines_or_poison(raw: bytes, start: bytes) -> None:
    said: list[object]
    try:
        said = list(split(start + raw))
    except Poison as refused:
        said = [str(refused).encode()]

    assert all(isinstance(line, bytes) and b"\n" not in line for line in said)

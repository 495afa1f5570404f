"""The deliveries of both Firehoses."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode

from tests.cloud.batches import Outcome, Row
from tests.cloud.firehose import Buffer, failed_object, portions, raw_object, transformation, transformed

ROWS = [Row(str(n), "key", f"line {n}".encode(), 1_800_000_000.0 + n) for n in range(3)]


def answer(*results: str) -> Outcome:
    records = [
        {"recordId": record["recordId"], "result": result, "data": b64encode(result.encode()).decode()}
        for record, result in zip(json.loads(transformation(ROWS))["records"], results, strict=False)
    ]
    return Outcome(json.dumps({"records": records}).encode())


def test_a_raw_object_is_gzip_of_one_line_a_record_under_its_day():
    key, body = raw_object(ROWS, 1_800_000_000.0)

    assert key.startswith("raw/dt=2027-01-15/")
    assert gzip.decompress(body) == b"line 0\nline 1\nline 2\n"


def test_a_buffer_is_full_by_age_or_size():
    buffer = Buffer(seconds=60, size=100)

    assert not buffer.is_full(99, 59.9)
    assert buffer.is_full(100, 0)
    assert buffer.is_full(1, 60)


def test_each_record_of_a_transformation_has_its_own_fate():
    done = transformed(ROWS, answer("Ok", "Dropped", "ProcessingFailed"))

    assert done.documents == (b"Ok",)
    assert done.dropped == 1
    assert [row for row, _ in done.failed] == [ROWS[2]]


def test_a_record_that_is_not_answered_failed():
    assert [row for row, _ in transformed(ROWS, answer("Ok", "Ok")).failed] == [ROWS[2]]


def test_a_function_that_fails_or_answers_too_much_fails_all():
    for outcome in (Outcome(error="Boom"), Outcome(b"nonsense"), Outcome(b" " * 6_000_001)):
        assert len(transformed(ROWS, outcome).failed) == 3


def test_what_failed_is_kept_with_its_reason():
    key, body = failed_object([(ROWS[0], "Lambda.ProcessingFailed: bad")], 1_800_000_000.0, 3)
    kept = json.loads(body)

    assert key.startswith("firehose-failed/")
    assert kept["errorCode"] == "Lambda.ProcessingFailed"
    assert b64decode(kept["rawData"]) == b"line 0"


def test_portions_hold_all_rows_in_order_and_stay_small():
    rows = [Row(str(n), "k", b"x" * 300_000, 0.0) for n in range(10)]

    parts = portions(rows, most=1_000_000)

    assert [row for part in parts for row in part] == rows
    assert len(parts) == 5

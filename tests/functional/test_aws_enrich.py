"""enrich: the documents for OpenSearch, record by record, within the size of a response."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest

from cali.core.models import Severity
from cali.stages.decode import Decoder
from cali.usecases.enrich import MOST, Enrich
from tests.functional.aws_fakes import REFINER, fluent

ENRICH = Enrich(Decoder("prod"), REFINER)


def told(*payloads: bytes, enrich: Enrich = ENRICH) -> list[dict[str, Any]]:
    records = [
        {"recordId": f"r{n}", "approximateArrivalTimestamp": 1_795_176_000_000, "data": b64encode(p).decode()}
        for n, p in enumerate(payloads)
    ]
    answers = enrich.records(records)
    assert [answer["recordId"] for answer in answers] == [record["recordId"] for record in records]
    return answers


def document(answer: dict[str, Any]) -> dict[str, Any]:
    line = b64decode(answer["data"])
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    held: dict[str, Any] = json.loads(line)
    return held


def test_a_record_gets_what_refine_knows_and_loses_its_secrets() -> None:
    (answer,) = told(fluent("ERROR login of jane@example.com failed after 31 ms"))
    held = document(answer)
    assert answer["result"] == "Ok"
    assert "jane@example.com" not in held["message"]
    assert (held["severity"], held["namespace"], held["workload"], held["cluster"]) == (
        "error",
        "shop",
        "orders",
        "prod",
    )
    assert "<*>" in held["template"]
    assert len(held["fingerprint"]) >= 8
    assert held["@timestamp"].startswith("2026-11-20T12:00:00")


def test_one_that_cannot_be_read_fails_alone_with_its_data() -> None:
    bad = b"\x1f\x8bbroken"
    before, failed, after = told(fluent("a"), bad, fluent("b"))
    assert (before["result"], after["result"]) == ("Ok", "Ok")
    assert failed == {"recordId": "r1", "result": "ProcessingFailed", "data": b64encode(bad).decode()}


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_time_that_no_calendar_has_is_the_time_of_arrival(time: str) -> None:
    wrong, right = told(json.dumps({"log": "ERROR a", "time": time}).encode(), fluent("ERROR b"))
    assert (wrong["result"], right["result"]) == ("Ok", "Ok")
    assert document(wrong)["@timestamp"] == "2026-11-20T12:00:00.000+00:00"


def test_a_record_of_which_no_document_can_be_made_fails_alone() -> None:
    data = b64encode(b"ERROR a").decode()
    records: list[dict[str, Any]] = [
        {"recordId": "r0", "approximateArrivalTimestamp": 10**18, "data": data},
        {"recordId": "r1", "data": data},
    ]
    assert [answer["result"] for answer in ENRICH.records(records)] == ["ProcessingFailed", "Ok"]


def test_blank_records_and_those_below_a_severity_are_dropped() -> None:
    assert [a["result"] for a in told(b"  \n ", fluent("INFO x"))] == ["Dropped", "Ok"]
    least = Enrich(Decoder("prod"), REFINER, Severity.WARNING)
    answers = told(fluent("INFO x"), fluent("ERROR y"), enrich=least)
    assert [a["result"] for a in answers] == ["Dropped", "Ok"]


def test_a_trace_in_one_record_is_one_document() -> None:
    trace = b"\n".join([fluent("java.lang.IllegalStateException: no"), fluent("\tat a.B.c(B.java:1)")])
    held = document(told(trace)[0])
    assert "\n\tat a.B.c" in held["message"]


def test_a_response_never_passes_the_limit_and_answers_every_record() -> None:
    long = [fluent(f"ERROR {n} " + "word " * 10_000) for n in range(150)]
    answers = told(*long)
    assert len(json.dumps({"records": answers})) < 6_291_556
    assert {a["result"] for a in answers} == {"Ok"}
    many = [fluent(f"ERROR {n} " + "word " * 390) for n in range(3000)]
    answers = told(*many)
    assert len(json.dumps({"records": answers})) < MOST + 300_000
    assert {a["result"] for a in answers} == {"Ok", "ProcessingFailed"}


def test_the_same_records_give_the_same_documents() -> None:
    payloads = [fluent(f"ERROR shard {n} lost") for n in range(20)]
    assert told(*payloads) == told(*payloads, enrich=Enrich(Decoder("prod"), REFINER))

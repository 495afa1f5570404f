from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from cali.core.models import Scope, Severity
from cali.report import Analysis, Summary
from cali.report.json import as_json, time
from tests.unit.report.shop import (
    CONNECTIONS,
    GATEWAY,
    HOSTILE,
    LEDGER,
    NIGHT,
    POOL,
    QUIET,
    SHOP,
    group,
    incident,
)


def test_the_contract_holds_for_an_explained_incident() -> None:
    found = json.loads(as_json(SHOP))

    assert found["summary"] == {
        "lines": 20431,
        "events": 20120,
        "templates": 214,
        "findings": 7,
        "incidents": 5,
        "quarantined": 3,
    }
    first = found["incidents"][0]
    assert first["id"] == CONNECTIONS.id
    assert first["title"] == "FATAL: sorry, too many clients already"
    assert (first["severity"], first["status"], first["count"]) == (
        "critical",
        "diagnosed",
        412 + 1_310 + 2_204,
    )
    assert first["scope"] == "prod/shop/postgres/postgres"
    assert first["first_seen"] == "2026-11-20T02:31:07.412Z"
    assert first["last_seen"] == "2026-11-20T02:42:18.412Z"
    assert [line["line"] for line in first["context"]["around"]] == [10_231, 10_232, 10_234, 10_235, 10_237]
    root, symptom, _ = first["findings"]
    assert (root["role"], root["reason"]) == ("root", "")
    assert root["fingerprint"] == CONNECTIONS.template.id
    assert root["template"] == "FATAL: sorry, too many clients already"
    assert (root["count"], root["burst"], root["severity"]) == (412, True, "critical")
    assert root["samples"] == [{"line": 10_233, "text": "FATAL: sorry, too many clients already"}]
    assert (symptom["role"], symptom["reason"]) == ("symptom", "names postgres")
    assert symptom["knowledge"] == "java-hikari-exhausted"
    diagnosis = first["diagnosis"]
    assert diagnosis["origin"] == "knowledge"
    assert diagnosis["cause"].startswith("PostgreSQL has reached max_connections")
    assert len(diagnosis["fix"]) == 4
    assert diagnosis["confidence"] == 0.93
    assert diagnosis["evidence"][1] == {
        "line": 10236,
        "text": "2026-11-20 02:31:07.419 UTC [4824] shop@shop FATAL:  sorry, too many clients already",
    }
    assert diagnosis["knowledge"][0] == {"id": "postgres-too-many-clients", "score": 0.94}
    assert diagnosis["versions"] == {"knowledge": "2026-11-20", "masks": "2026-11-20"}


def test_incidents_stand_in_display_order_with_their_findings() -> None:
    found = json.loads(as_json(SHOP))["incidents"]

    assert [item["id"] for item in found] == [item.id for item in SHOP.incidents]
    assert [item["id"] for item in found[0]["findings"]] == [CONNECTIONS.id, POOL.id, GATEWAY.id]


def test_an_incident_nobody_diagnosed_quotes_its_own_lines() -> None:
    bare = replace(POOL, diagnosis=None)

    diagnosis = json.loads(as_json(Analysis(Summary(1, 1, 1), (group(bare),))))["incidents"][0]["diagnosis"]

    assert (diagnosis["origin"], diagnosis["cause"], diagnosis["confidence"]) == ("none", "", 0.0)
    assert [item["line"] for item in diagnosis["evidence"]] == [10_301, 10_302, 10_303, 10_304]


def test_what_is_not_known_is_null_or_a_hyphen() -> None:
    bare = incident("k", "boom", Severity.ERROR, where=Scope("", "shop"), after=None)

    found = json.loads(as_json(Analysis(Summary(1, 1, 1), (group(bare),))))["incidents"][0]

    assert (found["first_seen"], found["last_seen"], found["scope"]) == (None, None, "-/shop/-/-")


def test_a_log_without_incidents_is_an_empty_list() -> None:
    assert json.loads(as_json(QUIET))["incidents"] == []


def test_the_same_analysis_gives_the_same_bytes() -> None:
    assert as_json(SHOP) == as_json(SHOP)
    swapped = replace(LEDGER.diagnosis, versions=dict(reversed(LEDGER.diagnosis.versions.items())))  # type: ignore[type-var, union-attr]
    assert as_json(Analysis(SHOP.summary, (group(replace(LEDGER, diagnosis=swapped)),))) == as_json(
        Analysis(SHOP.summary, (group(LEDGER),))
    )


def test_hostile_text_comes_back_whole_and_could_be_printed() -> None:
    written = as_json(SHOP)

    assert json.loads(written)["incidents"][-1]["findings"][0]["samples"] == [
        {"line": 19_999, "text": HOSTILE.replace("\ud800", "?")}
    ]
    assert written.endswith(b"}\n")
    text = written.decode()
    assert not [
        c for c in text if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u200b")
    ]


def test_characters_beyond_the_first_plane_are_escaped_as_pairs() -> None:
    odd = incident("k", "tag \U000e0041 and private \U0010fffd")

    assert (
        json.loads(as_json(Analysis(Summary(1, 1, 1), (group(odd),))))["incidents"][0]["title"] == odd.title
    )


@pytest.mark.parametrize("seconds", [None, math.inf, math.nan, 1e18, -1e18])
def test_a_time_no_calendar_holds_is_null(seconds: float | None) -> None:
    assert time(seconds) is None


def test_a_time_has_milliseconds_even_when_they_are_none() -> None:
    assert time(NIGHT - 0.412) == "2026-11-20T02:31:07.000Z"

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from cali.core.models import Scope, Severity
from cali.report import Analysis, Summary
from cali.report.json import as_json, time
from tests.unit.report.shop import CONNECTIONS, HOSTILE, LEDGER, NIGHT, POOL, QUIET, SHOP, incident


def test_the_contract_holds_for_an_explained_incident() -> None:
    found = json.loads(as_json(SHOP))

    assert found["summary"] == {
        "lines": 20431,
        "events": 20120,
        "templates": 214,
        "incidents": 7,
        "quarantined": 3,
    }
    first = found["incidents"][0]
    assert first["id"] == CONNECTIONS.id
    assert first["fingerprint"] == CONNECTIONS.template.id
    assert first["template"] == first["title"] == "FATAL: sorry, too many clients already"
    assert (first["severity"], first["status"], first["count"]) == ("critical", "diagnosed", 412)
    assert first["scope"] == "prod/shop/postgres/postgres"
    assert first["first_seen"] == "2026-11-20T02:31:07.412Z"
    assert first["last_seen"] == "2026-11-20T02:42:18.412Z"
    assert first["samples"] == ["FATAL: sorry, too many clients already"]
    assert (first["burst"], first["follows"]) == (True, None)
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


def test_incidents_stand_in_display_order_and_name_what_they_follow() -> None:
    found = json.loads(as_json(SHOP))["incidents"]

    assert [item["id"] for item in found] == [item.id for item in SHOP.incidents]
    assert [item["follows"] for item in found[:4]] == [None, CONNECTIONS.id, CONNECTIONS.id, None]


def test_an_incident_nobody_diagnosed_quotes_its_own_lines() -> None:
    bare = replace(POOL, diagnosis=None)

    diagnosis = json.loads(as_json(Analysis(Summary(1, 1, 1), (bare,))))["incidents"][0]["diagnosis"]

    assert (diagnosis["origin"], diagnosis["cause"], diagnosis["confidence"]) == ("none", "", 0.0)
    assert [item["line"] for item in diagnosis["evidence"]] == [10_301, 10_302, 10_303, 10_304]


def test_what_is_not_known_is_null_or_a_hyphen() -> None:
    bare = incident("k", "boom", Severity.ERROR, where=Scope("", "shop"), after=None)

    found = json.loads(as_json(Analysis(Summary(1, 1, 1), (bare,))))["incidents"][0]

    assert (found["first_seen"], found["last_seen"], found["scope"]) == (None, None, "-/shop/-/-")


def test_a_log_without_incidents_is_an_empty_list() -> None:
    assert json.loads(as_json(QUIET))["incidents"] == []


def test_the_same_analysis_gives_the_same_bytes() -> None:
    assert as_json(SHOP) == as_json(SHOP)
    swapped = replace(LEDGER.diagnosis, versions=dict(reversed(LEDGER.diagnosis.versions.items())))  # type: ignore[type-var, union-attr]
    assert as_json(Analysis(SHOP.summary, (replace(LEDGER, diagnosis=swapped),))) == as_json(
        Analysis(SHOP.summary, (LEDGER,))
    )


def test_hostile_text_comes_back_whole_and_could_be_printed() -> None:
    written = as_json(SHOP)

    assert json.loads(written)["incidents"][-1]["samples"] == [HOSTILE.replace("\ud800", "?")]
    assert written.endswith(b"}\n")
    text = written.decode()
    assert not [
        c for c in text if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u200b")
    ]


def test_characters_beyond_the_first_plane_are_escaped_as_pairs() -> None:
    odd = incident("k", "tag \U000e0041 and private \U0010fffd")

    assert json.loads(as_json(Analysis(Summary(1, 1, 1), (odd,))))["incidents"][0]["title"] == odd.title


@pytest.mark.parametrize("seconds", [None, math.inf, math.nan, 1e18, -1e18])
def test_a_time_no_calendar_holds_is_null(seconds: float | None) -> None:
    assert time(seconds) is None


def test_a_time_has_milliseconds_even_when_they_are_none() -> None:
    assert time(NIGHT - 0.412) == "2026-11-20T02:31:07.000Z"

"""The formats as a table: the line, and its record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cali.core.models import Quarantined, Record, Scope, Severity
from cali.stages.decode import Decoder

TEN = 1795168800.0  # 2026-11-20T10:00:00Z
TABLE = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))
CASES = [
    pytest.param(case, id=f"{family}-{i}") for family, cases in TABLE.items() for i, case in enumerate(cases)
]


def expected(case: dict[str, Any]) -> Record:
    return Record(
        line=7,
        message=case["message"],
        time=round(TEN + case["time"], 4) if "time" in case else None,
        severity=Severity[case["severity"].upper()] if "severity" in case else None,
        scope=Scope("prod", *case.get("scope", "//").split("/")),
        stream=case.get("stream", ""),
        partial=case.get("partial", False),
    )


def decoded(decoder: Decoder, line: str) -> Record | Quarantined | None:
    """Return the record of a line after which the input ends."""
    return decoder.decode(line.encode(), 7) or next(iter(decoder.rest()), None)


def rounded(record: Record | Quarantined | None) -> Record:
    """Return the record as a case states it: with rounded time, and without `normalised`, which follows from the
    message."""
    assert isinstance(record, Record)
    return record._replace(time=None if record.time is None else round(record.time, 4), normalised=b"")


@pytest.mark.parametrize("case", CASES)
def test_a_line_becomes_its_record(case):
    # given a decoder without cached lines
    decoder = Decoder("prod", year=2026)
    # when a line of the format arrives
    record = rounded(decoded(decoder, case["line"]))
    # then its parts are in the right fields
    assert record == expected(case)


@pytest.mark.parametrize("case", CASES)
def test_a_line_seen_before_becomes_the_same_record(case):
    decoder = Decoder("prod", year=2026)
    # given a decoded line that differs only in its digits
    decoder.decode(case["line"].translate(str.maketrans("123456789", "213456798")).encode(), 6)
    decoder.rest()
    # when the line arrives
    record = rounded(decoded(decoder, case["line"]))
    # then the cache changes nothing
    assert record == expected(case)

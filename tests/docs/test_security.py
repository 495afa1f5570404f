"""Every answer of the threat model names an existing test."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> list[str]:
    table = PAGE.read_text("utf-8").split("## Threats and answers")[1].split("\n## ")[0]
    return [line for line in table.splitlines() if line.startswith("|")][2:]


def test_every_answer_names_its_test() -> None:
    assert len(rows()) > 20
    assert [row for row in rows() if not NAMED.search(row)] == []


def test_every_test_that_is_named_is_there() -> None:
    for row in rows():
        for path, name in NAMED.findall(row):
            assert f"def {name}(" in (ROOT / path).read_text("utf-8"), f"{path} has no {name}"

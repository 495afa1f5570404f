"""The page of schemas names the fields of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner

from cali.cli import root
from cali.stages.retrieve.schema import BranchShape, EntryShape, FileShape

PAGE = (Path(__file__).parents[2] / "docs" / "schemas.md").read_text("utf-8")


def fields(head: str) -> set[str]:
    """Return the names in the first column of the table with this head."""
    table = PAGE.split(f"| {head} | meaning |\n|---|---|\n")[1].split("\n\n")[0]
    return {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_knowledge_file_is_as_the_page_says() -> None:
    assert fields("field of an entry") == set(EntryShape.model_fields)
    assert fields("field of a branch") == set(BranchShape.model_fields)
    assert fields("field") == set(FileShape.model_fields)


def test_the_json_of_analyze_is_as_the_page_says(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-11-20T02:10:02Z ERROR FATAL: sorry, too many clients already\n")
    done = CliRunner().invoke(root, ["analyze", str(log), "--format", "json", "--no-model"])
    printed = json.loads(done.stdout)
    (incident,) = printed["incidents"]

    assert fields("field of the summary") == set(printed["summary"])
    assert fields("field of an incident") == set(incident)
    assert fields("field of a diagnosis") == set(incident["diagnosis"])

"""checkov finds nothing, and whatever it is told to skip has its reason beside it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.conftest import ROOT


def program() -> str:
    beside = Path(sys.executable).with_name("checkov")
    found = str(beside) if beside.exists() else shutil.which("checkov")
    return found or pytest.skip("checkov is not installed")


@pytest.mark.slow
def test_checkov_finds_nothing():
    done = subprocess.run(
        [program(), "-d", str(ROOT), "--framework", "terraform", "--output", "json", "--compact", "--skip-download"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = json.loads(done.stdout)
    failed = [f"{one['check_id']} {one['resource']}" for one in said["results"]["failed_checks"]]
    assert failed == []
    assert said["summary"]["passed"] > 200


def test_each_skip_has_its_reason():
    skips = [
        skip
        for path in ROOT.rglob("*.tf")
        for skip in re.findall(r"#checkov:skip=([^\n]*)", path.read_text())
    ]
    assert len(skips) > 20
    for skip in skips:
        check, _, reason = skip.partition(":")
        assert re.fullmatch(r"CKV2?_AWS_\d+", check)
        assert len(reason) >= 8, skip

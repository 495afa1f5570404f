"""checkov finds nothing, and every suppression gives its reason."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from tests.infrastructure.conftest import ROOT


def program() -> str:
    own = ROOT.parent / ".venv-checkov" / "bin" / "checkov"  # make lint-infra, which `make check` runs first
    found = str(own) if own.exists() else shutil.which("checkov")
    return found or pytest.skip("checkov is not installed: make lint-infra")


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

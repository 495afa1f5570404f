"""One region for all that a target calls: Terraform reads AWS_REGION, boto3 and Chalice read AWS_DEFAULT_REGION."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = "shown: ; @$(PY) -c 'import boto3; print(boto3.session.Session().region_name)'"


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({"AWS_REGION": "ap-northeast-1"}, "ap-northeast-1"),
        ({"AWS_REGION": "ap-northeast-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "ap-northeast-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({}, "None"),
    ],
)
def test_boto3_uses_the_region_that_make_was_given(
    given: dict[str, str], region: str, tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE"))}
    done = subprocess.run(
        ["make", "--silent", "--no-print-directory", f"--eval={SHOWN}", "shown", f"PY={sys.executable}"],  # noqa: S607
        cwd=ROOT,
        env={**kept, **given, "AWS_CONFIG_FILE": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.strip(), done.stderr) == (region, "")

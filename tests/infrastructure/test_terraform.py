"""The root is formatted and valid, and all of its own tests pass."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.infrastructure.conftest import ROOT

if TYPE_CHECKING:
    from cali_ops.terraform import Terraform


def test_the_root_is_formatted(terraform: Terraform) -> None:
    assert terraform.run("fmt", "-check", "-recursive") == ""


def test_the_root_is_valid(terraform: Terraform) -> None:
    said = json.loads(terraform.run("validate", "-json"))
    assert said["valid"]
    assert said["diagnostics"] == []  # a warning may become an error in the next version


@pytest.mark.slow
def test_its_own_tests_pass(terraform: Terraform) -> None:
    # Given every test file except the two that other tests run
    files = sorted(path.name for path in (ROOT / "tests").glob("*.tftest.hcl"))
    mine = [name for name in files if name not in {"everything.tftest.hcl", "planned.tftest.hcl"}]

    # When Terraform runs them
    said = terraform.run("test", "-no-color", *(f"-filter=tests/{name}" for name in mine))

    # Then every run passes
    runs = sum((ROOT / "tests" / name).read_text().count("\nrun ") for name in mine)
    assert runs >= 25
    assert re.search(rf"Success! {runs} passed, 0 failed", said)


def test_no_provider_but_aws(terraform: Terraform) -> None:
    locked = (terraform.folder / ".terraform.lock.hcl").read_text()
    assert re.findall(r'^provider "([^"]+)"', locked, re.MULTILINE) == ["registry.terraform.io/hashicorp/aws"]


def test_files_are_small_and_ordered():
    # Given the section headings that all files share, in their order
    order = ["Settings", "Facts", "Resources", "Access", "Outputs"]

    for path in ROOT.rglob("*.tf"):
        lines = path.read_text().splitlines()
        found = [line.split()[-1] for line in lines if line.startswith("# ------")]

        # Then no file is long, and each has a title and the headings in that order
        assert len(lines) <= 200, path.name
        assert lines[0].startswith("# "), path.name
        assert found == sorted(found, key=order.index), path.name

"""Every variable has a description and a validation, and is in the example."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.infrastructure.conftest import ROOT

BLOCK = re.compile(
    r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL
)  # terraform fmt guarantees this layout


class Variable(NamedTuple):
    """A variable block."""

    type: str
    described: bool
    has_default: bool
    refusals: tuple[str, ...]


def variables() -> dict[str, Variable]:
    return {
        name: Variable(
            type="".join(re.findall(r"^  type +=\s*(\w+)", body, re.MULTILINE)),
            described=bool(re.search(r'^  description +=\s*(<<-EOT|"[^"]{20,})', body, re.MULTILINE)),
            has_default=bool(re.search(r"^  default +=", body, re.MULTILINE)),
            refusals=tuple(re.findall(r'^    error_message = "([^ :]+)', body, re.MULTILINE)),
        )
        for path in sorted(ROOT.glob("*.tf"))
        for name, body in BLOCK.findall(path.read_text())
    }


VARIABLES = variables()


def test_there_are_variables():
    assert len(VARIABLES) >= 25


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_a_variable_is_described_typed_and_validated(name):
    variable = VARIABLES[name]
    assert variable.described
    assert variable.type in {"bool", "list", "map", "number", "object", "set", "string"}
    assert variable.has_default  # the root works without a tfvars file
    assert variable.type == "bool" or variable.refusals
    assert set(variable.refusals) <= {name}  # the error names the variable, so that it can be found


def test_every_validation_is_tried():
    tried = re.findall(
        r"^    var\.(\w+),$", (ROOT / "tests" / "variables.tftest.hcl").read_text(), re.MULTILINE
    )
    for name, variable in VARIABLES.items():
        assert tried.count(name) >= len(variable.refusals), name


def test_the_example_names_every_variable():
    example = (ROOT / "terraform.tfvars.example").read_text()
    assert set(re.findall(r"^#? ?(\w+) +=", example, re.MULTILINE)) == set(VARIABLES)


def test_values_are_not_committed():
    ignored = (ROOT.parent / ".gitignore").read_text().split()
    assert "*.tfvars" in ignored
    assert "!*.tfvars.example" in ignored

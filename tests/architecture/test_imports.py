"""Imports point inwards only: shells -> bootstrap -> pipeline -> stages -> models."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "cali"
INNERMOST = {"models", "life", "errors"}
MAY_IMPORT = {  # who may import what of cali, by the first name below cali
    "models": set[str](),
    "errors": set[str](),
    "life": {"models"},
    "ports": {"models", "life"},
    "settings": {"errors"},
    "stages": {"stages", "ports", *INNERMOST},
    "pipeline": {"stages", "ports", *INNERMOST},
    "adapters": {"adapters", "stages", "ports", *INNERMOST},
    "releases": {"releases", "stages", "ports", *INNERMOST},
    "learning": {"learning", "releases", "replay", "stages", "pipeline", "ports", *INNERMOST},
    "report": {"report", *INNERMOST},
    "simulator": {"simulator", "errors"},
    "replay": {"replay", "pipeline", "stages", "ports", *INNERMOST},
}
SHELLS = {
    "cli",
    "doctor",
    "bench",
    "ops",
    "functions",
    "bootstrap",
    "bootstrap_alerts",
    "bootstrap_cloud",
    "bootstrap_learning",
    "bootstrap_releases",
    "bootstrap_kept",
    "testing",
    "testing_alerts",
    "testing_incidents",
    "testing_learning",
    "testing_models",
    "testing_slack",
    "testing_slack_rules",
    "__init__",
}
NOT_IN_THE_CORE = {
    "boto3",
    "botocore",
    "chalice",
    "aws_lambda_powertools",
    "click",
    "rich",
    "pymilvus",
    "openai",
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_lies_further_in(path: Path):
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    allowed = MAY_IMPORT.get(own)
    if allowed is None:  # shells and bootstrap see everything
        return
    layers = {layer(name) for name in imported(path) if name.startswith("cali.")}
    assert layers <= allowed, f"{own} imports {sorted(layers - allowed)}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_core_knows_no_outside_thing(path: Path):
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own in {"stages", "pipeline", "models", "ports", "errors", "replay"}:
        outside = {name.split(".")[0] for name in imported(path)}
        assert not outside & NOT_IN_THE_CORE


def test_every_layer_is_known():
    """A new folder or file below cali must say what it may import, or be a shell on purpose."""
    data = {"__main__", "knowledge", "masks", "prompts"}
    found = {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in modules()}
    assert found <= MAY_IMPORT.keys() | SHELLS | data

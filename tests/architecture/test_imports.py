"""Imports point inwards only: shells -> bootstrap -> usecases -> stages -> core."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
MAY_IMPORT = {  # the folders of `cali` that each folder may import
    "core": {"core"},
    "stages": {"core", "stages"},
    "usecases": {"core", "stages", "usecases"},
    "adapters": {"core", "stages", "adapters"},
    "bootstrap": {"core", "stages", "usecases", "adapters", "bootstrap", "doctor"},
    "report": {"core", "stages", "usecases", "report"},
    "simulator": {"core", "simulator"},
    "doctor": {"core", "stages", "usecases", "doctor"},
    "bench": {"core", "stages", "usecases", "bootstrap", "simulator", "bench"},
    "cli": {"core", "stages", "usecases", "bootstrap", "report", "simulator", "doctor", "bench", "cli"},
    "testing": {"core", "stages", "adapters", "testing"},
    "__init__": {"stages"},
}
OUTSIDE_THINGS = {
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
    return sorted((SOURCE / "cali").rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder(path: Path) -> str:
    return path.relative_to(SOURCE / "cali").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_what_lies_further_in(path: Path):
    found = {name.split(".")[1] for name in imported(path) if name.startswith("cali.")}
    wrong = found - MAY_IMPORT[folder(path)]
    assert not wrong
    assert not any(name.split(".")[0] == "cali_ops" for name in imported(path))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_core_knows_no_outside_thing(path: Path):
    if folder(path) in {"core", "stages", "usecases"}:
        assert not {name.split(".")[0] for name in imported(path)} & OUTSIDE_THINGS


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_product_module_imports_a_test_double(path: Path):
    if "testing" not in path.relative_to(SOURCE).parts:
        assert not [name for name in imported(path) if name.startswith("cali.testing")]


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("cali.usecases.analyze_batch", "pymilvus openai boto3 botocore"),
        ("cali.stages.notify.feedback_rules", "pymilvus openai boto3 botocore pydantic yaml"),
    ],
)
def test_the_hot_path_imports_no_heavy_package(module: str, unwanted: str):
    program = f"import sys, {module}; print(*set({unwanted.split()!r}) & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []

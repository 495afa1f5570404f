"""Copies the sources that the functions on AWS need: python -m cali_ops.functions

`chalice_app/vendor/cali` is a link to the output folder, so Chalice packages these parts of `src/cali` and nothing
else. The knowledge base is in the dependency layer."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGED = Path("out/functions/cali")
PARTS = ("__init__.py", "py.typed", "core", "stages", "usecases", "adapters", "bootstrap", "data")
LEFT_OUT = ("__pycache__", "*.pyc", "README.md", "knowledge")


def stage(target: Path) -> None:
    """Copy the parts of `src/cali` that the functions need to the folder `target`, after emptying it."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in PARTS:
        source = ROOT / "src" / "cali" / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy(source, target / name)


def main() -> int:
    stage(ROOT / STAGED)
    print(f"sources of the functions: {STAGED}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

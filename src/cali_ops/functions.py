"""Stages the sources that the functions on AWS need: python -m cali_ops.functions

`chalice_app/vendor/cali` is a link to the folder that this writes, so Chalice packages these parts of `src/cali` and
nothing else. The knowledge travels in the dependency layer.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAGED = Path("out/functions/cali")
PARTS = ("__init__.py", "py.typed", "core", "stages", "usecases", "adapters", "bootstrap", "data")
LEFT_OUT = ("__pycache__", "*.pyc", "README.md", "knowledge")


def stage(target: Path) -> None:
    """Copy the parts of `src/cali` that the functions need to `target`, which is emptied first."""
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

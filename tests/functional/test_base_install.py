"""The base install: the local commands need none of the extras, and name the extra that a setting asks for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cali.bootstrap.extras import EXTRAS

if TYPE_CHECKING:
    from pathlib import Path

BASE_ONLY = """
import sys
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None  # importing it raises ModuleNotFoundError
from cali.cli import main
main()
"""


def cali(home: Path, *args: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CALI_", "AWS_"))}
    missing = ",".join([*EXTRAS, "milvus_lite", "numpy", "pandas", "pyarrow"])
    return subprocess.run(
        [sys.executable, "-c", BASE_ONLY, missing, *args],
        env={**kept, "HOME": str(home), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("ERROR flux capacitor drifted\nERROR pq: sorry, too many clients already\n")
    return path


def test_the_local_commands_need_no_extra(tmp_path: Path, log: Path) -> None:
    for args in (
        ("analyze", str(log)),
        ("refine", str(log)),
        ("kb", "search", "too many connections"),
        ("kb", "check"),
        ("doctor", "--offline"),
        ("simulate", "--lines", "100", "--out", str(tmp_path / "shop.log")),
    ):
        done = cali(tmp_path, *args)
        assert done.returncode == 0, (args, done.stderr)


@pytest.mark.parametrize(
    ("args", "settings", "extra"),
    [
        (("analyze",), {"CALI_OPENAI_API_KEY": "sk-none"}, "openai"),
        (("analyze",), {"CALI_MILVUS_URI": "http://127.0.0.1:9"}, "milvus"),
        (("replay", "s3://cali-logs/raw/"), {}, "aws"),
    ],
)
def test_a_missing_extra_is_one_line(
    tmp_path: Path, log: Path, args: tuple[str, ...], settings: dict[str, str], extra: str
) -> None:
    done = cali(tmp_path, *args, *([str(log)] if args == ("analyze",) else []), **settings)
    assert done.returncode == 2
    assert done.stderr.startswith("cali: ")
    assert done.stderr.endswith(f"is not installed; run pip install 'cali-insight[{extra}]'\n")
    assert done.stderr.count("\n") == 1

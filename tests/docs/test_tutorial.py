"""The commands of the tutorial run in order, and print the lines on the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BASH = shutil.which("bash")
PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, list[str]]]:
    """Return each block of commands with the lines that its output must contain."""
    found: list[tuple[str, list[str]]] = []
    for kind, text in BLOCK.findall(PAGE.read_text("utf-8")):
        if kind == "sh":
            found.append((text, []))
        else:
            assert kind == "text", f"a block of kind {kind} is run by nobody"
            found[-1][1].extend(line for line in text.splitlines() if line.strip())
    return found


@pytest.mark.slow
@pytest.mark.skipif(BASH is None, reason="the tutorial is written for a shell")
def test_every_command_runs_and_prints_what_the_page_says(tmp_path: Path) -> None:
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    environment = {
        **kept,
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    assert len(steps()) > 6
    for commands, expected in steps():
        done = subprocess.run(
            [str(BASH), "-euc", commands],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        missing = [line for line in expected if line not in done.stdout]
        assert not missing, f"{commands}\nprinted:\n{done.stdout}"
    assert "kim@example.com" not in (work / "report.html").read_text("utf-8")
    assert '"incidents"' in (work / "incidents.json").read_text("utf-8")

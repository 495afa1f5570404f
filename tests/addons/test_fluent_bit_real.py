"""A real Fluent Bit 5.1, if one is on the PATH, loads the shipped configuration and makes one event of each trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from tests.addons.test_fluent_bit_config import CONFIG, FOLDER
from tests.addons.test_fluent_bit_events import BETWEEN, TRACES, cri

PROGRAM = shutil.which("fluent-bit")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no fluent-bit on the PATH (package fluent-bit, 5.1)")

LONGEST = 120.0  # seconds after which a hanging program is killed
END = "2025-11-22 09:06:18,001 INFO [main] a.B - the end"


def test_the_shipped_files_load_without_a_warning() -> None:
    done = subprocess.run(
        [str(PROGRAM), "--dry-run", f"--workdir={FOLDER}", f"--config={FOLDER / 'fluent-bit.yaml'}"],
        env={**os.environ, "AWS_REGION": "eu-central-1", "CALI_LOG_STREAM": "cali-logs-stream"},
        capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "warn]" in line or "error]" in line]


def test_each_trace_is_one_event_with_its_stream_and_time(tmp_path: Path) -> None:
    # Given each trace in a file as containerd writes it, with a line after each
    written = [*(each for trace in TRACES.values() for each in (trace, BETWEEN)), END]
    (tmp_path / "app_shop_api-0.log").write_text("\n".join(cri("\n".join(written))) + "\n", "utf-8")

    # When the shipped pipeline reads the file, without the cluster and AWS
    found = _events(tmp_path, until=END)

    # Then each trace is one record
    assert [_solid(each["log"]) for each in found] == [_solid(each) for each in written]
    assert {each["stream"] for each in found} == {"stdout"}
    assert {each["@timestamp"][:23] for each in found} == {"2025-11-22T09:06:16.165"}


def _solid(text: str) -> list[str]:
    """Return the lines with text: Fluent Bit drops some empty lines of an event."""
    return [line for line in text.split("\n") if line.strip()]


def _events(folder: Path, until: str) -> list[dict[str, Any]]:
    (tail,), (*_, slim) = CONFIG["pipeline"]["inputs"], CONFIG["pipeline"]["filters"]
    service = {**CONFIG["service"], "http_server": False, "storage.path": str(folder / "chunks")}
    tail = {**tail, "path": str(folder / "*.log"), "db": str(folder / "tail.db")}
    output = {"name": "stdout", "match": "*", "format": "json_lines"}
    output |= {"json_date_key": "@timestamp", "json_date_format": "iso8601"}
    pipeline = {"inputs": [tail], "filters": [slim], "outputs": [output]}
    (folder / "fluent-bit.yaml").write_text(
        yaml.safe_dump({"service": service, "pipeline": pipeline}), "utf-8"
    )
    shutil.copy(FOLDER / "parsers.conf", folder)
    command = [str(PROGRAM), "--quiet", f"--workdir={folder}", f"--config={folder / 'fluent-bit.yaml'}"]
    found: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        watch = threading.Timer(LONGEST, program.kill)
        watch.start()
        assert program.stdout is not None
        for line in program.stdout:
            if line.startswith(b"{"):
                found.append(orjson.loads(line))
                if found[-1]["log"] == until:
                    break
        watch.cancel()
        program.kill()
    return found

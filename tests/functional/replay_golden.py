"""The sample of the replay gate, and its expected result.

python -m tests.functional.replay_golden           shows the differences from expected.json; exit 1 if there are any
python -m tests.functional.replay_golden reprint   rewrites expected.json, for an intended difference python -m
tests.functional.replay_golden sample    simulates the sample again
"""

from __future__ import annotations

import gzip
import json
import sys
from difflib import unified_diff
from pathlib import Path
from typing import Any

from cali.simulator import enveloper, load_scenario, simulate
from tests.functional.shell import inside

HOME = Path(__file__).parents[1] / "golden" / "replay"
RAW, EXPECTED = HOME / "raw", HOME / "expected.json"
LINES = 1_500
WRITTEN = ("2026-11-20-23-50-01", "2026-11-21-00-10-01", "2026-11-21-00-30-01")  # time of each object
START = 1_795_217_400.0  # 2026-11-20T23:30:00Z, so that the run crosses midnight


def sample() -> None:
    """Return objects as Firehose writes them. In the second object no newline separates the records."""
    scenario, wrap = load_scenario("shop"), enveloper("fluentbit")
    written = simulate(scenario, seed=11, lines=LINES, seconds=scenario.seconds, start=START)
    records = [wrap(line).encode() for line in written]
    size = LINES // len(WRITTEN)
    for part, at in enumerate(WRITTEN):
        between = b"" if part == 1 else b"\n"
        body = between.join(records[part * size : (part + 1) * size]) + between
        place = RAW / f"dt={at[:10]}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"cali-logs-s3-1-{at}-{part}.gz").write_bytes(gzip.compress(body, 9, mtime=0))


def seen() -> bytes:
    """Return the compared fields: those that people would notice. The version of the knowledge is left out, because a
    new entry that changes nothing here must not fail the gate."""
    report = inside("replay", RAW, "--model", "gpt-4o-mini", "--format", "json").report
    kept = {
        "objects": report["source"]["objects"],
        "summary": report["summary"],
        "period": report["period"],
        "model calls": report["cost"]["calls"],
        "alerts": report["alerts"],
        "incidents": [_brief(incident) for incident in report["incidents"]],
    }
    return json.dumps(kept, indent=1, ensure_ascii=False).encode() + b"\n"


def _brief(incident: dict[str, Any]) -> dict[str, Any]:
    said = incident["diagnosis"]
    names = ("id", "template", "scope", "severity", "count", "first_seen", "last_seen", "follows")
    cause = said["knowledge"][0]["id"] if said["origin"] == "knowledge" else said["origin"]
    return {**{name: incident[name] for name in names}, "cause": cause}


def differences() -> list[str]:
    """Return the differences from the expected result as readable lines."""
    wanted = EXPECTED.read_bytes().decode() if EXPECTED.exists() else ""
    return list(
        unified_diff(wanted.splitlines(), seen().decode().splitlines(), "expected", "now", lineterm="")
    )


def main(arguments: list[str]) -> int:
    if arguments == ["sample"]:
        sample()
        return 0
    if arguments == ["reprint"]:
        EXPECTED.write_bytes(seen())
        return 0
    found = differences()
    print("\n".join(found) or f"as {EXPECTED.name} has it")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

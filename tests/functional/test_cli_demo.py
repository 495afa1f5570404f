"""`cali demo` finds the planted faults, raises no false alarm, and reports this by its exit code."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.functional.shell import inside

pytestmark = pytest.mark.usefixtures("cache")

SHOP = """\
name: corner
lines: 600
seconds: 600
services: [{use: orders}, {use: postgres}, {use: payments}]
faults:
  - {id: no-connections, kind: postgres-connections, at: 0.3, lasts: 0.3, rate: 20}
"""


def test_all_faults_are_found_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "new" / "demo"
    ran = inside("demo", "--lines", "3000", "--seed", "5", "--out", out)
    assert ran.code == 0, ran.text
    assert "faults found                      14 of 14\n" in ran.text
    assert "cause right                       14 of 14\n" in ran.text
    assert "first cause of a cascade right     2 of 2\n" in ran.text
    assert "false alarms                       0\n" in ran.text
    assert ran.text.rstrip().endswith(f"The report: {out / 'report.html'}")
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json", "shop.log"]
    assert (out / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert orjson.loads((out / "report.json").read_bytes())["summary"]["lines"] == 3000


def test_the_same_seed_gives_the_same_log_and_report(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        assert inside("demo", "--lines", "600", "--out", folder).code == 0
    one, other = ({path.name: path.read_bytes() for path in folder.glob("*.[lj]*")} for folder in folders)
    assert one == other
    assert len(one) == 2


def test_a_scenario_of_one_s_own(tmp_path: Path) -> None:
    scenario = tmp_path / "corner.yaml"
    scenario.write_text(SHOP, "utf-8")
    ran = inside("demo", "--scenario", scenario, "--out", tmp_path / "out")
    assert ran.code == 0, ran.text
    assert "faults found                       1 of 1\n" in ran.text
    assert (tmp_path / "out" / "corner.log").exists()


def test_what_was_missed_and_what_is_false_is_told() -> None:
    from cali.cli.demo import verdict
    from cali.simulator import load_scenario, truth
    from cali.simulator.score import score

    faults = truth(load_scenario("shop"))[:2]
    labels = {3: faults[0].id}
    report = {
        "incidents": [
            {"id": "a", "diagnosis": {"origin": "none", "cause": "", "evidence": [{"line": 3}]}},
            {"id": "b", "diagnosis": {"origin": "none", "cause": "", "evidence": [{"line": 4}]}},
        ]
    }
    told = "\n".join(verdict(faults, score(faults, labels, report), 1.25))
    assert f"   1 of 2   missed: {faults[1].id}\n" in told
    assert f"   0 of 2   wrong: {faults[0].id}\n" in told
    assert "false alarms                       1   incidents: b\n" in told

"""`cali bench quality` on recordings made here: a Redis out of memory, a full disk, and a healthy run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cali.bench.judge import Card
from cali.bench.recording import load
from cali.bench.scoreboard import BROKEN, figures, measure, shuffled
from cali.cli import main
from cali.core.errors import Misconfigured

OOM = "2026-11-30 10:00:0{n} ERROR cart: redis.exceptions.OutOfMemoryError: command not allowed when used memory > 'maxmemory'."
FULL = '2026-11-30 10:00:0{n} UTC [71] FATAL:  could not write to file "pg_wal/xlogtemp.71": No space left on device'
CALM = "2026-11-30 10:00:0{n} INFO cart: order {n} stored"


def truth(name: str, **fault) -> dict[str, Any]:
    whole = {
        "name": name,
        "kind": "memory-limit",
        "target": name,
        "what": "done for a test",
        "cause": "the cause",
        "accept": ["x"],
        "signal": "x",
        "affected": [name],
        "injected": 1.0,
    }
    return {
        "format": 1,
        "name": name,
        "system": name.partition("-")[0],
        "kind": fault.get("kind", "load"),
        "form": "plain",
        "recorded": "2026-11-30T10:00:00Z",
        "seconds": 9.0,
        "services": [name],
        "faults": [whole | fault] if fault else [],
    }


def put(folder: Path, split: str, about: dict[str, Any], line: str) -> None:
    place = folder / split
    place.mkdir(exist_ok=True, parents=True)
    (place / f"{about['name']}.truth.json").write_text(json.dumps(about))
    text = "\n".join(line.replace("{n}", str(n)) for n in range(5)) + "\n"
    (place / f"{about['name']}.log.gz").write_bytes(gzip.compress(text.encode()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(
        tmp_path,
        "dev",
        truth("redis-oom", kind="memory-limit", accept=["maxmemory"], signal="used memory"),
        OOM,
    )
    put(tmp_path, "dev", truth("cart-calm"), CALM)
    full = truth(
        "pg-full", kind="disk-full", accept=["disk|volume|space", "full|no space"], signal="No space left"
    )
    put(tmp_path, "sealed", full, FULL)
    return tmp_path


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "quality", *args])
    return int(ended.value.code or 0)


def test_the_scoreboard_has_cali_three_baselines_and_a_broken_cali(folder, tmp_path, capsys):
    board_path, page = tmp_path / "board.json", tmp_path / "board.html"
    assert run("--recordings", str(folder), "--json", str(board_path), "--html", str(page)) == 0

    board = json.loads(board_path.read_text())
    dev, sealed = board["splits"]["dev"], board["splits"]["sealed"]
    assert list(dev) == ["CALI", "grep for errors", "Drain3, newest first", "nearest entry", BROKEN]
    assert dev["CALI"]["right"]["value"] == sealed["CALI"]["right"]["value"] == 1.0
    assert dev["CALI"]["false alarms per healthy recording"]["value"] == 0
    assert dev[BROKEN]["right"]["value"] == sealed[BROKEN]["right"]["value"] == 0.0
    assert dev["grep for errors"]["cards per failure"]["value"] == 5
    assert board["recordings"] == {"dev": 2, "sealed": 1}
    assert "redis" in page.read_text()
    assert "CALI" in capsys.readouterr().out


def test_the_tables_of_a_page_are_renewed_between_their_marks(folder, tmp_path):
    page = tmp_path / "quality.md"
    page.write_text("before\n<!-- scoreboard -->\nold\n<!-- end of scoreboard -->\nafter\n")
    assert run("--recordings", str(folder), "--no-baselines", "--doc", str(page)) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- scoreboard -->")
    assert text.endswith("<!-- end of scoreboard -->\nafter\n")
    assert "old" not in text
    assert "| CALI | 100%" in text


def test_another_tool_is_scored_by_its_answers(folder, tmp_path, capsys):
    answers = tmp_path / "my-tool"
    answers.mkdir()
    (answers / "redis-oom.json").write_text(
        json.dumps(
            {"cards": [{"title": "Writes fail", "cause": "maxmemory is reached.", "lines": ["used memory"]}]}
        )
    )
    assert run("--recordings", str(folder), "--answers", str(answers), "--split", "dev") == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "my-tool" in line)
    assert row.split()[1:4] == ["100.0%", "100.0%", "100.0%"]


def test_a_figure_below_its_floor_fails(folder, tmp_path, capsys):
    floors = tmp_path / "floors.json"
    floors.write_text(
        json.dumps({"dev": {"at least": {"right": 0.5}, "at most": {"cards per failure": 0.5}}})
    )
    assert run("--recordings", str(folder), "--no-baselines", "--floors", str(floors)) == 1
    assert capsys.readouterr().err == "dev: cards per failure is 1.000, at most 0.5 is allowed\n"


def test_misses_of_the_sealed_split_are_never_listed(folder, tmp_path, capsys):
    for name in ("redis-oom", "pg-full"):
        path = next(folder.glob(f"*/{name}.truth.json"))
        path.write_text(path.read_text().replace("maxmemory", "beetles").replace("full|no space", "beetles"))
    assert run("--recordings", str(folder), "--no-baselines", "--list") == 0
    shown = capsys.readouterr().out
    assert "redis-oom: another cause is asserted" in shown
    assert "pg-full" not in shown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accept": ["("]}, r"faults\.0\.accept\.0: .*not a regular expression"),
        ({"injected": -1}, r"faults\.0\.injected"),
        ({"surprise": 1}, r"faults\.0\.surprise"),
    ],
)
def test_a_damaged_truth_is_one_clear_line(tmp_path, change, message):
    put(tmp_path, "dev", truth("redis-oom", kind="memory-limit", **change), OOM)
    with pytest.raises(Misconfigured, match=message):
        load(tmp_path)


def test_an_empty_folder_is_one_clear_line(tmp_path, capsys):
    assert run("--recordings", str(tmp_path)) == 2
    assert "no recordings" in capsys.readouterr().err


def test_one_card_for_two_faults_is_mixed(tmp_path):
    about = truth("two", kind="memory-limit", accept=["maxmemory"], signal="used memory")
    about["faults"].append(about["faults"][0] | {"name": "b", "accept": ["disk"], "signal": "No space"})
    put(tmp_path, "dev", about, OOM)
    [recording] = load(tmp_path)
    both = Card("all", "maxmemory is reached.", "used memory\nNo space left")
    assert figures(measure("t", [recording], {"two": [both]}))["mixed"].value == 1
    assert figures(measure("t", [recording], {"two": [both]}))["cards per failure"].value == 0.5


def test_shuffling_leaves_no_card_its_cause():
    cards = {str(n): [Card("t", f"cause {n}", "")] for n in range(9)}
    moved = shuffled(cards)
    assert [name for name in cards if moved[name][0].cause == cards[name][0].cause] == []
    assert {moved[name][0].cause for name in moved} == {f"cause {n}" for n in range(9)}

import json

import pytest
from click.testing import CliRunner, Result
from pydantic import TypeAdapter

from cali.cli.simulate import command
from cali.core.errors import Misconfigured
from cali.simulator import Truth, load_scenario, truth
from cali.simulator.score import score


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments)])


def test_it_writes_the_lines_asked_for():
    result = run("--lines", 40, "--start", "2026-01-05")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len(lines) == 40
    assert json.loads(lines[0])["@timestamp"].startswith("2026-01-05T00:00:00")


def test_the_same_seed_and_start_write_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        run("--lines", 3000, "--seed", 5, "--start", "2026-01-05T10:00:00Z", "--out", tmp_path / name)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes().count(b"\n") == 3000


def test_the_truth_labels_the_lines_that_were_written(tmp_path):
    out, truth_path = tmp_path / "log", tmp_path / "truth.json"
    run("--lines", 4000, "--format", "raw", "--out", out, "--truth", truth_path)

    written = json.loads(truth_path.read_text())
    faults = TypeAdapter(tuple[Truth, ...]).validate_python(written["faults"])
    labels = {int(line): fault for line, fault in written["labels"].items()}
    lines = out.read_text().split("\n")

    assert faults == truth(load_scenario("shop"))
    for number, text in enumerate(lines, start=1):
        if "has no successor" in text:
            assert labels[number] == "orders-tariff-bug"
    wanted = {fault.id for fault in faults}
    assert set(labels.values()) == wanted
    first = {fault: min(line for line, label in labels.items() if label == fault) for fault in wanted}
    report = {"incidents": [{"id": f, "diagnosis": {"evidence": [{"line": n}]}} for f, n in first.items()]}
    assert score(faults, labels, report).missed == ()


def test_a_rate_paces_the_lines_and_their_times():
    result = run("--lines", 20, "--rate", 200, "--start", "2026-01-05T10:00:00Z")

    last = json.loads(result.stdout.splitlines()[-1])["@timestamp"]
    assert last < "2026-01-05T10:00:00.2"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "/nonexistent/x"], "/nonexistent/x: cannot be written"),
        (["--lines", "3", "--truth", "/nonexistent/x"], "/nonexistent/x: cannot be written"),
        (["--scenario", "nothing"], "no 'nothing' among the scenarios"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(arguments, says):
    result = run(*arguments)

    assert isinstance(result.exception, Misconfigured)
    assert says in str(result.exception)

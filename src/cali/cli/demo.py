"""`cali demo`: simulates a failing shop, explains its incidents, and scores the result against the planted faults."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from cali.bootstrap.local import LocalParts
from cali.cli import color_wanted, write
from cali.cli.analyze import rendered
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.simulator import Scenario, Truth, enveloper, load_scenario, simulate, truth
from cali.simulator.score import Score, score

START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # fixed, so that the same seed gives the same report


@click.command("demo")
@click.option(
    "--lines", type=click.IntRange(min=1), help="Number of log lines.  [default: from the scenario]"
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Random seed. The same seed and number of lines give the same log and report.",
)
@click.option(
    "--scenario",
    default="shop",
    show_default=True,
    metavar="FILE|NAME",
    help="Name of a shipped scenario, or a YAML file.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/demo"),
    show_default=True,
    help="Folder for the log and the reports. It is created if it does not exist.",
)
def command(lines: int | None, seed: int, scenario: str, out: Path) -> int:
    """Simulate a failing shop, and explain what broke.

    The shop's services write interleaved logs in several formats, with planted faults. The log is analysed as by
    `cali analyze`, without network access. The result is then scored against the planted faults. Exit code 1 means a
    missed fault or a false alarm.
    """
    story = load_scenario(scenario)
    log = _folder(out) / f"{story.name}.log"
    run = planted(story, seed, lines, log)
    click.echo(
        f"{run.lines:,} lines of {len(story.services)} services with {len(run.faults)} faults: {log}\n"
    )
    begun = time.perf_counter()
    analysis = LocalParts(settings.read(os.environ), ask_model=False).analyze([str(log)])
    seconds = time.perf_counter() - begun
    found = score(run.faults, run.labels, orjson.loads(rendered(analysis, "json", color=False)))
    for form, name in (("json", "report.json"), ("html", "report.html")):
        write(rendered(analysis, form, color=False), out / name)
    write(rendered(analysis, "text", color=color_wanted()), None)
    click.echo()
    click.echo("\n".join(verdict(run.faults, found, seconds)))
    click.echo(f"\nThe report: {out / 'report.html'}")
    return int(bool(found.missed or found.false_alarms))


@dataclass(frozen=True, slots=True)
class Run:
    """Simulated log and its planted faults. `labels` maps a line number to the id of its fault."""

    lines: int
    faults: tuple[Truth, ...]
    labels: dict[int, str]


def planted(story: Scenario, seed: int, lines: int | None, log: Path) -> Run:
    """Simulate the log and write it. Return only faults that wrote a line: a very short run has no room for all."""
    wrap = enveloper("fluentbit")
    labels: dict[int, str] = {}
    size = lines or story.lines
    written = simulate(story, seed=seed, lines=size, seconds=story.seconds, start=START.timestamp())
    try:
        with log.open("w", encoding="utf-8") as file:
            for number, line in enumerate(written, 1):
                file.write(wrap(line) + "\n")
                if line.fault is not None:
                    labels[number] = line.fault
    except OSError as error:
        raise Misconfigured(f"{log}: cannot be written: {error.strerror}") from error
    spoke = set(labels.values())
    return Run(size, tuple(fault for fault in truth(story) if fault.id in spoke), labels)


def verdict(faults: Sequence[Truth], found: Score, seconds: float) -> list[str]:
    """Return the score as lines of text, with the ids of missed and wrong ones."""
    cascades = len(found.first_cause_right) + len(found.first_cause_wrong)
    return [
        "Score against the planted faults:",
        _row("faults found", len(found.found), found.faults, "missed", found.missed),
        _row("cause right", len(found.cause_right), found.faults, "wrong", found.cause_wrong),
        _row(
            "first cause of a cascade right",
            len(found.first_cause_right),
            cascades,
            "wrong",
            found.first_cause_wrong,
        ),
        f"  {'false alarms':32}{len(found.false_alarms):>4}{_named('incidents', found.false_alarms)}",
        f"  {'unknown on purpose':32}{sum(not fault.known for fault in faults):>4}   (right if reported as unknown)",
        f"  {'seconds':32}{seconds:>6.1f}",
    ]


def _row(what: str, got: int, of: int, wrong: str, names: Sequence[str]) -> str:
    return f"  {what:32}{got:>4} of {of}{_named(wrong, names)}"


def _named(what: str, names: Sequence[str]) -> str:
    return f"   {what}: {', '.join(names)}" if names else ""


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"--out {out}: {error.strerror}") from error
    return out

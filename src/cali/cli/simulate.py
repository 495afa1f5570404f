"""`cali simulate`: writes logs of a small fleet with planted faults, at a given rate."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from cali.core.errors import Misconfigured
from cali.simulator import ENVELOPES, Scenario, enveloper, load_scenario, paced, simulate, truth

_CHUNK = 512  # lines per write without a rate
_WRITES = 100  # approximate maximum of writes per second with a rate


@click.command("simulate")
@click.option(
    "--scenario",
    default="shop",
    show_default=True,
    metavar="FILE|NAME",
    help="Name of a shipped scenario, or a YAML file.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Lines per second in real time. 0 writes as fast as possible.",
)
@click.option(
    "--lines", type=click.IntRange(min=1), help="Number of log lines.  [default: from the scenario]"
)
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Random seed. The same seed, number of lines and start give the same lines.",
)
@click.option(
    "--format",
    "envelope",
    type=click.Choice(ENVELOPES),
    default="fluentbit",
    show_default=True,
    help="Format of the lines: Fluent Bit's JSON, CRI files of a node, raw lines, or `kubectl logs --prefix`.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.  [default: stdout]"
)
@click.option(
    "--truth",
    "truth_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON file for the planted faults and the line numbers of each.",
)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"]),
    help="Simulated time (UTC) of the first line.  [default: with --rate, now; else the run ends now]",
)
def command(
    scenario: str,
    rate: float,
    lines: int | None,
    seed: int,
    envelope: str,
    out: Path | None,
    truth_path: Path | None,
    start: datetime | None,
) -> None:
    """Write the logs of a small fleet with planted faults.

    The services of a shop write interleaved logs, each in its own format. Most lines are healthy. Faults occur at fixed
    fractions of the run, so a short run has the same faults as a long run.
    """
    story = load_scenario(scenario)
    size = lines or story.lines
    # With a rate, the simulated clock runs as fast as the real clock, so the lines carry the current time.
    seconds = size / rate if rate else size * story.seconds / story.lines
    begin = start.replace(tzinfo=UTC).timestamp() if start else time.time() - (0 if rate else seconds)
    written = simulate(story, seed=seed, lines=size, seconds=seconds, start=begin)
    labels: dict[str, str] = {}
    wrap = enveloper(envelope)
    try:
        with _opened(out) as sink:
            chunk: list[str] = []
            most = max(1, int(rate / _WRITES)) if rate else _CHUNK
            for number, line in enumerate(paced(written, rate, time.sleep, time.monotonic), start=1):
                chunk.append(wrap(line))
                if line.fault is not None:
                    labels[str(number)] = line.fault
                if len(chunk) >= most:
                    _write(sink, chunk)
            _write(sink, chunk)
    finally:
        if truth_path is not None:  # also after an interrupted run, whose lines can still be scored
            _write_truth(
                truth_path, story, labels, {"seed": seed, "lines": size, "start": begin, "seconds": seconds}
            )


def _write(sink: BinaryIO, chunk: list[str]) -> None:
    if chunk:
        sink.write("\n".join((*chunk, "")).encode())
        sink.flush()
        chunk.clear()


def _write_truth(path: Path, story: Scenario, labels: dict[str, str], run: dict[str, float]) -> None:
    faults = [asdict(fault) for fault in truth(story)]
    document = {"scenario": story.name, "run": run, "faults": faults, "labels": labels}
    try:
        path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def _opened(out: Path | None) -> Iterator[BinaryIO]:
    if out is None:
        yield sys.stdout.buffer
        return
    try:
        sink = out.open("wb")
    except OSError as error:
        raise Misconfigured(f"{out}: cannot be written: {error.strerror}") from None
    with sink:
        yield sink

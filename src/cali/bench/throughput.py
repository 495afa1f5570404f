"""Lines per second and core, of each stage and of the whole, for each way in which lines are collected."""

from __future__ import annotations

from typing import NamedTuple

from cali.bench.cpu_time import drain, seconds
from cali.core.models import Block, Record
from cali.simulator import ENVELOPES, enveloper, load_scenario, simulate
from cali.stages.decode import Decoder
from cali.stages.join import Joiner
from cali.stages.refine.refiner import Refiner
from cali.usecases.pipeline import Pipeline

START = 1_795_168_800.0  # any time will do; a fixed one makes every run see the same lines


class Pace(NamedTuple):
    """Microseconds that a line costs in each stage and in all, and what that gives for one core. Every run starts
    with empty memos."""

    form: str
    decode: float
    join: float
    refine: float
    whole: float

    @property
    def lines_per_second(self) -> float:
        return 1e6 / self.whole


def measure(lines: int = 100_000, runs: int = 3) -> list[Pace]:
    """The pace for every envelope of the simulator. The stages alone are timed on what the one before them gave."""
    return [_measured(form, lines, runs) for form in ENVELOPES]


def _measured(form: str, lines: int, runs: int) -> Pace:
    raw = simulated(form, lines)
    records = decoded(raw)
    blocks = joined(records)
    each = (
        lambda: drain(decoded(raw)),
        lambda: drain(joined(records)),
        lambda: drain(map(Refiner().refine, blocks)),
        lambda: drain(Pipeline(Decoder(), Refiner()).events(raw)),
    )
    return Pace(form, *(seconds(work, runs) / len(raw) * 1e6 for work in each))


def decoded(lines: list[tuple[int, bytes]]) -> list[Record]:
    """The records in lines that hold one each."""
    decode = Decoder().decode
    records = (decode(raw, number) for number, raw in lines)
    return [record for record in records if isinstance(record, Record)]


def joined(records: list[Record]) -> list[Block]:
    """The blocks in records."""
    joiner = Joiner()
    return [block for record in records for block in joiner.push(record)] + joiner.flush()


def simulated(form: str, count: int) -> list[tuple[int, bytes]]:
    """Numbered lines of the simulated shop in one form of envelope; the same ones each time."""
    story, wrap = load_scenario("shop"), enveloper(form)
    span = count * story.seconds / story.lines
    written = simulate(story, seed=1, lines=count, seconds=span, start=START)
    return [(number, wrap(line).encode()) for number, line in enumerate(written, 1)]

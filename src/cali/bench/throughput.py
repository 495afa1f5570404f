"""Lines per second and core, for each stage and in total, for each kind of envelope."""

from __future__ import annotations

from typing import NamedTuple

from cali.bench.cpu_time import drain, seconds
from cali.core.models import Block, Record
from cali.simulator import ENVELOPES, enveloper, load_scenario, simulate
from cali.stages.decode import Decoder
from cali.stages.join import Joiner
from cali.stages.refine.refiner import Refiner
from cali.usecases.pipeline import Pipeline

START = 1_795_168_800.0  # fixed, so that all runs have the same lines


class Pace(NamedTuple):
    """Microseconds per line in each stage and in total, and the resulting rate of one core.

    Every run starts with empty caches.
    """

    form: str
    decode: float
    join: float
    refine: float
    whole: float

    @property
    def lines_per_second(self) -> float:
        return 1e6 / self.whole


def measure(lines: int = 100_000, runs: int = 3) -> list[Pace]:
    """Return the pace for every envelope of the simulator. Each stage is timed on the output of the previous one."""
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
    """Return the records of lines that hold one record each."""
    decode = Decoder().decode
    records = (decode(raw, number) for number, raw in lines)
    return [record for record in records if isinstance(record, Record)]


def joined(records: list[Record]) -> list[Block]:
    """Return the blocks of records."""
    joiner = Joiner()
    return [block for record in records for block in joiner.push(record)] + joiner.flush()


def simulated(form: str, count: int) -> list[tuple[int, bytes]]:
    """Return numbered, reproducible lines of the simulated shop in one kind of envelope."""
    story, wrap = load_scenario("shop"), enveloper(form)
    span = count * story.seconds / story.lines
    written = simulate(story, seed=1, lines=count, seconds=span, start=START)
    return [(number, wrap(line).encode()) for number, line in enumerate(written, 1)]

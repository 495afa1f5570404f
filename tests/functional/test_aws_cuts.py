"""analyze over the simulated shop: where batches are cut, how late, how often and with what between them changes no count."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest

from cali.errors import Retryable
from cali.models import Severity
from cali.simulator import enveloper, load_scenario, simulate
from tests.cloud.faults import Put, poisoned
from tests.functional.aws_fakes import NOON, SHARD, Clock, MemoryShard, World, delivered, fluent

BEGAN, PACE = NOON - 10_000.0, 200
LINES = 4_000


@cache
def records(poison: bool) -> list[dict[str, Any]]:
    """The records of a shard, with poison between them or without; poison comes at the time of the next line."""
    wrap = enveloper("fluentbit")
    lines = simulate(load_scenario("shop"), seed=1, lines=LINES, seconds=LINES / PACE, start=BEGAN)
    puts = (Put("line", wrap(line).encode()) for line in lines)
    kept = list(poisoned(puts, share=0.02) if poison else puts)
    items, place = delivered([put.data for put in kept]), 0
    for put, item in zip(kept, items, strict=True):
        item["kinesis"]["approximateArrivalTimestamp"] = BEGAN + place / PACE
        place += put.key == "line"
    return items


@cache
def undisturbed() -> dict[tuple[str, str], int]:
    world = World()
    world.batch(records(False))
    return world.counts()


@pytest.mark.parametrize("poison", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_batches_cut_late_repeated_and_poisoned_give_the_same(seed: int, poison: bool) -> None:
    chance, items = random.Random(seed), records(poison)
    world = World(Clock(BEGAN))
    behind = MemoryShard(items, world.clock)
    analyze, at = world.analyze(behind=behind), 0
    while at < len(items):
        size = chance.randint(1, 300)
        again = max(0, at - chance.choice([0, 0, 1, 150]))
        newest = items[min(at + size, len(items)) - 1]["kinesis"]["approximateArrivalTimestamp"]
        world.clock.time = max(world.clock.time, newest + chance.choice([0.0, 0.3, 1.0, 5.0]))
        for _ in range(chance.choice([1, 1, 2])):
            analyze.batch(SHARD, items[again : at + size])
        at += size
    world.clock.time = NOON
    analyze.release(SHARD, 0.0)
    assert world.counts() == undisturbed()


def test_a_warning_counts_whether_or_not_the_line_that_undoes_it_is_in_its_batch() -> None:
    lines = [
        fluent("WARN Connection to broker lost. Trying to re-establish the connection..."),
        fluent("INFO Connection to broker re-established"),
        fluent("INFO fine"),
    ]

    def counted(size: int) -> list[int]:
        world = World()
        analyze = world.analyze(raises=lambda event: Severity.WARNING if "lost" in event.message else None)
        for start in range(0, 3, size):
            analyze.batch(SHARD, delivered(lines[start : start + size], first=start))
        return list(world.counts().values())

    assert counted(1) == counted(3) == [1]


class Deaf:
    """A shard that has been read too often."""

    def next_arrival(self, shard: str, sequence: str) -> float | None:
        raise Retryable("read limit exceeded")


@pytest.mark.parametrize(("late", "held"), [(1.0, 0), (60.0, 1)])
def test_when_the_shard_does_not_say_what_is_behind_the_age_of_the_batch_decides(
    late: float, held: int
) -> None:
    world = World(Clock(NOON))
    analyze = world.analyze(behind=Deaf())
    items = delivered([fluent("ERROR disk /dev/sda1 is full")], arrived=NOON - late)
    assert analyze.batch(SHARD, items).held == held

"""analyze over the simulated shop: boundaries, delays, repetition and poison change no count."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest

from cali.core.errors import Retryable
from cali.core.models import Severity
from cali.simulator import enveloper, load_scenario, simulate
from cali.testing.clock import NOON, FakeClock
from cali.usecases.checkpoint import HELD
from tests.cloud.faults import Put, poisoned
from tests.functional.aws_fakes import SHARD, MemoryShard, World, delivered, fluent

BEGAN, PACE = NOON - 10_000.0, 200
LINES = 4_000


@cache
def records(poison: bool) -> list[dict[str, Any]]:
    """Return the records of a shard, with or without poison between them. Poison has the time of the next line."""
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
    world = World(FakeClock(BEGAN))
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
    """A shard whose read limit is exceeded."""

    def next_arrival(self, shard: str, sequence: str) -> float | None:
        raise Retryable("read limit exceeded")


@pytest.mark.parametrize(("late", "held"), [(1.0, 0), (60.0, 1)])
def test_when_the_shard_does_not_say_what_is_behind_the_age_of_the_batch_decides(
    late: float, held: int
) -> None:
    world = World(FakeClock(NOON))
    analyze = world.analyze(behind=Deaf())
    items = delivered([fluent("ERROR disk /dev/sda1 is full")], arrived=NOON - late)
    assert analyze.batch(SHARD, items).held == held


@pytest.mark.parametrize("pods", [10, 40, 90])
def test_an_outage_of_many_pods_counts_whole_though_a_line_of_each_waits(pods: int) -> None:
    # Given pods of one workload that each fail twice; only the line that announces a trace waits for one
    lines = [
        fluent(f"{level}pool slot {pod} is taken", f"orders-6d4cf56db6-x{pod:04d}")
        for pod in range(pods)
        for level in ("ERROR ", "")
    ]
    world = World(FakeClock(NOON))
    items = delivered(lines, arrived=NOON)
    parts = {"behind": MemoryShard(items, world.clock), "raises": lambda _: Severity.ERROR}
    analyze = world.analyze(**parts)

    # When the batch is read, then the pending blocks, and then the batch again by a process without a checkpoint
    held = analyze.batch(SHARD, items).held
    world.clock.time += 60.0
    analyze.release(SHARD, 5.0)
    world.notes.kept.clear()
    analyze.batch(SHARD, items)

    # Then each line counted once
    assert held >= pods - 1
    assert list(world.counts().values()) == [2 * pods]


def test_batches_that_overtook_others_and_left_lines_waiting_hide_nothing() -> None:
    # Given four batches of an outage
    lines = [
        fluent(f"{level}pool slot {pod} is taken", f"orders-6d4cf56db6-x{pod:04d}")
        for pod in range(160)
        for level in ("ERROR ", "")
    ]
    world = World(FakeClock(NOON))
    items = delivered(lines, arrived=NOON)
    analyze = world.analyze(behind=MemoryShard(items, world.clock), raises=lambda _: Severity.ERROR)

    # When the last one arrives first
    for start in (240, 160, 0, 80):
        analyze.batch(SHARD, items[start : start + 80])
    world.clock.time += 60.0
    analyze.release(SHARD, 5.0)

    # Then each line counted once
    assert list(world.counts().values()) == [320]


def test_when_too_many_blocks_wait_the_one_that_was_just_cut_does() -> None:
    # Given more failing pods than blocks may wait, and a trace that the end of the batch cuts
    lines = [fluent(f"ERROR disk {pod} is full", f"disks-6d4cf56db6-x{pod:04d}") for pod in range(HELD + 50)]
    trace = [fluent("ERROR order failed"), fluent("java.lang.IllegalStateException: no stock")]
    rest = [fluent("\tat shop.Order.place(Order.java:7)")]
    world = World(FakeClock(NOON))
    items = delivered([*lines, *trace, *rest], arrived=NOON)
    analyze = world.analyze(behind=MemoryShard(items, world.clock))

    # When the batch is read, and then the rest
    assert analyze.batch(SHARD, items[:-1]).held == HELD
    analyze.batch(SHARD, items[-1:])
    world.clock.time += 60.0
    analyze.release(SHARD, 5.0)

    # Then the trace is whole, and every line is counted
    counts = world.counts()
    (template,) = [text for workload, text in counts if workload == "orders"]
    assert "IllegalStateException" in template
    assert sum(counts.values()) == HELD + 51


def test_what_waits_fits_into_an_item_of_the_table() -> None:
    # Given failing pods whose lines hardly compress, in two batches of which the second arrives first
    chance = random.Random(1)
    count = 200
    lines = [
        fluent(f"ERROR image of {pod}: {chance.randbytes(4_500).hex()}", f"scans-6d4cf56db6-x{pod:04d}")
        for pod in range(count)
    ]
    world = World(FakeClock(NOON))
    items = delivered(lines, arrived=NOON)
    analyze = world.analyze(behind=MemoryShard(items, world.clock))

    # When they are read
    for part in (items[count // 2 :], items[: count // 2]):
        analyze.batch(SHARD, part)
        # Then the checkpoint fits into an item of DynamoDB
        assert all(len(body) < 400_000 for body, _ in world.notes.kept.values())

    # And every line is counted once
    world.clock.time += 60.0
    analyze.release(SHARD, 5.0)
    assert sum(world.counts().values()) == count

"""analyze under all faults of Lambda and its dependencies: the same incidents, counts and changes, each once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cali.core.errors import Retryable
from cali.testing.clock import NOON, FakeClock
from cali.usecases import checkpoint as checkpoints
from cali.usecases.quarantine import LONGEST, Quarantine, UnreadLine
from tests.functional.aws_fakes import REFINER, SHARD, Bucket, Failing, World, delivered, fluent

TRACE = [
    "ERROR [http-1] o.e.Orders - checkout failed",
    "java.lang.IllegalStateException: no stock for sku-77",
    "\tat com.shop.Orders.reserve(Orders.java:42)",
    "\tat com.shop.Orders.checkout(Orders.java:17)",
    "Caused by: java.sql.SQLTimeoutException: statement timed out",
    "\tat org.pg.Driver.exec(Driver.java:7)",
]


def day() -> list[bytes]:
    """Return three pods with healthy lines, errors of four kinds and one trace that another pod interrupts."""
    lines = []
    for n in range(60):
        lines.append(fluent(f"INFO served order {n} in {n} ms"))
        if n % 3 == 0:
            lines.append(
                fluent(f"ERROR could not reach inventory-{n}: connection refused", "carts-5f7d8c9b6-qwert")
            )
        if n % 7 == 0:
            lines.append(
                fluent(f'level=error msg="payment {n} declined by bank"', "payments-7c6b5d4f8-zxcvb")
            )
        if n == 30:
            for place, line in enumerate(TRACE):
                lines.append(fluent(line))
                lines.append(fluent(f"INFO tick {place}", "carts-5f7d8c9b6-qwert"))
    lines.append(fluent("INFO the end"))
    lines.append(fluent("INFO the end", "carts-5f7d8c9b6-qwert"))
    lines.append(fluent("INFO the end", "payments-7c6b5d4f8-zxcvb"))
    return lines


DAY = delivered(day())


def undisturbed() -> World:
    world = World()
    world.batch(DAY)
    return world


def in_batches(size: int) -> list[list[dict[str, Any]]]:
    return [DAY[start : start + size] for start in range(0, len(DAY), size)]


def same(world: World) -> None:
    plain = undisturbed()
    assert world.counts() == plain.counts()
    assert world.published() == plain.published()


def test_errors_open_incidents_with_their_counts_and_publish_it() -> None:
    world = undisturbed()
    counts = world.counts()
    assert sorted(counts.values()) == [1, 9, 20]
    assert {kind for _, _, kind in world.published()} == {"opened"}
    assert len(world.published()) == 3


def test_the_changes_of_a_batch_are_published_together() -> None:
    world = World()
    stream = Failing(world.stream, (), before=True)
    world.batch(DAY, stream=stream)
    assert (stream.calls, len(world.published())) == (1, 3)


def test_an_incident_that_cannot_be_stored_keeps_no_other_from_being_published() -> None:
    world = World()
    with pytest.raises(Retryable):
        world.batch(DAY, store=Failing(world.store, [2], before=True, only="put"))
    assert len(world.published()) == 2
    world.batch(DAY)
    same(world)


def test_healthy_lines_write_nothing() -> None:
    world = World()
    report = world.batch(delivered([fluent(f"INFO all is well {n}") for n in range(50)]))
    assert (report.events, report.incidents) == (50, 0)
    assert world.notes.kept == {}
    assert world.stream.entries == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_batches_of_any_size_give_the_same(size: int) -> None:
    world = World(FakeClock(NOON - 0.9))  # 0.1 s old, so its event may continue
    for batch in in_batches(size):
        world.batch(batch, batch=size)
    world.analyze().release(SHARD, 0.0)
    same(world)


def test_a_batch_that_comes_again_changes_nothing() -> None:
    world = World()
    for batch in in_batches(20):
        world.batch(batch, batch=20)
        world.batch(batch, batch=20)
    same(world)


@pytest.mark.parametrize("seed", range(5))
def test_batches_cut_and_repeated_at_random_give_the_same(seed: int) -> None:
    chance = random.Random(seed)
    world = World(FakeClock(NOON - 0.9))
    at = 0
    while at < len(DAY):
        size = chance.randint(1, 30)
        again = chance.randint(0, at)  # lost checkpoint: read again, in other batches
        world.batch(DAY[again : at + size], batch=1)
        at += size
    world.analyze().release(SHARD, 0.0)
    same(world)


def test_shuffled_batches_of_single_lines_give_the_same() -> None:
    lines = [fluent(f"ERROR could not open file-{n % 5} in shard") for n in range(100)]
    plain, shuffled = World(), World()
    plain.batch(delivered(lines))
    batches = [delivered(lines[start : start + 5], first=start) for start in range(0, 100, 5)]
    random.Random(3).shuffle(batches)
    for batch in [*batches, *batches[:7]]:
        shuffled.batch(batch)
    assert shuffled.counts() == plain.counts()
    assert shuffled.published() == plain.published()


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("part", ["store", "stream", "notes", "objects"])
def test_a_crash_at_any_call_is_repaired_by_the_next_delivery(part: str, before: bool) -> None:
    world = World()
    poison = delivered([b"\x00\x01\x02\x03\x04\x05\x06\x07"], first=1000)
    for batch in [*in_batches(40), poison]:
        for turn in range(1, 30):
            failing = Failing(getattr(world, part), [turn], before=before)
            try:
                world.batch(batch, batch=40, **{part: failing})
            except Retryable:
                continue
            break
    same(world)
    assert len(world.objects.rows("quarantine/")) == 1


def test_a_trace_that_a_batch_cuts_in_two_is_one_event() -> None:
    for cut in range(1, len(TRACE)):
        world = World(FakeClock(NOON))
        lines = [fluent(line) for line in [*TRACE, "INFO next"]]
        first = world.batch(delivered(lines[:cut], arrived=NOON - 0.1))
        assert (first.held, first.incidents) == (1, 0)
        world.batch(delivered(lines[cut:], first=cut, arrived=NOON - 0.1))
        world.clock.sleep(60.0)  # the line after the trace may have interrupted it, so it waits for a moment
        world.analyze().release(SHARD, 5.0)
        assert list(world.counts().values()) == [1]
        (stored,) = world.store.find(["opened"], 9)
        assert len(stored.incident.samples[0].lines) == len(TRACE)


def test_an_error_at_the_end_of_a_quiet_stream_is_told_at_once() -> None:
    """The batch window of a second is over: any further line of the event would have arrived."""
    world = World(FakeClock(NOON))
    report = world.batch(delivered([fluent("ERROR disk /dev/sda1 is full")], arrived=NOON - 1.0))
    assert (report.incidents, report.held) == (1, 0)


def test_a_full_batch_has_more_behind_it_however_old_it_is() -> None:
    world = World(FakeClock(NOON + 600))
    report = world.batch(delivered([fluent("INFO a"), fluent(TRACE[0])]), batch=2)
    assert report.held == 1


def test_what_waits_on_a_silent_shard_is_released_by_the_sweep() -> None:
    world = World(FakeClock(NOON))
    world.batch(delivered([fluent(line) for line in TRACE], arrived=NOON))
    assert world.analyze().release(SHARD, 5.0).incidents == 0
    world.clock.sleep(6.0)
    assert world.analyze().release(SHARD, 5.0).incidents == 1
    assert world.analyze().release(SHARD, 5.0).incidents == 0
    assert list(world.counts().values()) == [1]


def test_a_damaged_checkpoint_costs_nothing_but_work() -> None:
    world = World()
    world.batch(DAY)
    world.notes.kept = {name: (b"noise", version) for name, (_, version) in world.notes.kept.items()}
    world.batch(DAY)
    same(world)


def test_poison_is_kept_with_its_reason_and_blocks_nothing() -> None:
    world = World()
    payloads = [
        fluent("ERROR before"),
        b"\x1f\x8bdamaged",
        b"\x00\x07\x01\x02\x03\x04",
        fluent("ERROR after"),
    ]
    report = world.batch(delivered(payloads))
    rows = world.objects.rows("quarantine/dt=2026-11-20/cali-logs-stream-shardId-000000000000/")
    assert (report.quarantined, report.incidents) == (2, 2)
    assert [row["reason"].split(":")[0] for row in rows] == [
        "damaged compression",
        "mostly control characters or bytes that are not UTF-8",
    ]


def test_a_fault_of_our_own_in_one_block_stops_only_that_block() -> None:
    class Broken:
        redactor = REFINER.redactor

        def refine(self, block: Any) -> Any:
            if "unlucky" in block.records[0].message:
                raise RecursionError("too deep")
            return REFINER.refine(block)

    world = World()
    report = world.batch(
        delivered([fluent("ERROR one"), fluent("unlucky jane@example.com"), fluent("ERROR two")]),
        refiner=Broken(),
    )
    (row,) = world.objects.rows("quarantine/")
    assert (report.incidents, report.quarantined) == (2, 1)
    assert row["reason"] == "refine failed: RecursionError: too deep"
    assert "jane@example.com" not in row["text"]


def test_several_lines_in_a_record_count_each() -> None:
    world = World()
    world.batch(delivered([b"\n".join(fluent(f"ERROR lost shard {n}") for n in range(7))]))
    world.batch(delivered([b"\n".join(fluent(f"ERROR lost shard {n}") for n in range(7))]))
    assert list(world.counts().values()) == [7]


def test_no_secret_reaches_the_store_or_the_stream() -> None:
    world = World()
    world.batch(delivered([fluent("ERROR login of jane.doe@example.com failed with password=hunter22")]))
    (stored,) = world.store.find(["opened"], 9)
    everything = f"{stored}{world.stream.entries}{world.notes.kept}"
    assert "jane.doe" not in everything
    assert "hunter22" not in everything


def test_a_checkpoint_is_read_back_as_it_was_written() -> None:
    world = World(FakeClock(NOON))
    world.batch(delivered([fluent("INFO x"), *[fluent(line) for line in TRACE]], arrived=NOON))
    ((body, version),) = world.notes.kept.values()
    checkpoint = checkpoints.loads(body, version)
    assert checkpoints.loads(checkpoints.dumps(checkpoint), version) == checkpoint
    assert len(checkpoint.held) == 1


def test_a_secret_that_the_end_of_what_is_kept_cuts_is_redacted() -> None:
    objects = Bucket()
    raw = b"x" * (LONGEST - 11) + b" AKIAIOSFODNN7EXAMPLE is the key"
    Quarantine(objects, REFINER.redactor.text).keep(SHARD, [UnreadLine(1, "why", raw)], NOON)
    (row,) = objects.rows("quarantine/")
    assert "AKIA" not in row["text"]
    assert len(row["text"]) <= LONGEST

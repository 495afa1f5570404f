"""A collector that sends a batch again makes new records of the same events. Each event counts once."""

from __future__ import annotations

import pytest

from cali.core.models import Status
from cali.stages.detect.positions import MARKS
from tests.functional.aws_fakes import SHARD, World, delivered

OTHER = SHARD.replace("shardId-000000000000", "shardId-000000000001")
TRACE = 'Traceback (most recent call last):\\n  File \\"a.py\\", line 3, in pay\\nValueError: no amount'


def line(message: str, stamp: str, pod: str = "orders-6d4cf56db6-abcde") -> bytes:
    """Return a record as Fluent Bit writes it, with this time in its second."""
    pod_of = f'"namespace_name":"shop","pod_name":"{pod}","container_name":"app","docker_id":"d-{pod}"'
    return (
        f'{{"stream":"stdout","log":"{message}","kubernetes":{{{pod_of}}},"@timestamp":"2026-01-01T12:00:00.{stamp}Z"}}'
    ).encode()


def errors(count: int, resolution: str = "ns") -> list[bytes]:
    """Return lines with one text, each written in another nanosecond or in the same millisecond."""
    same = {"us": "100007000", "ms": "100"}.get(resolution)
    return [line("ERROR payment 17 failed", same or f"{100_000_001 + 7 * n}") for n in range(count)]


def counts(world: World) -> list[int]:
    return [stored.incident.count for stored in world.store.find(tuple(Status), 10)]


@pytest.mark.parametrize("shard", [SHARD, OTHER])
def test_a_batch_that_is_sent_again_counts_once(shard: str) -> None:
    # Given a batch that was counted
    world = World()
    lines = errors(20)
    world.batch(delivered(lines))

    # When the collector sends it again, after a part of it was refused, with one line that is new
    again = [*lines, line("ERROR payment 17 failed", "900000009")]
    world.analyze().batch(shard, delivered(again, first=500))

    # Then each event counts once, and so do lines of one text at other times
    assert counts(world) == [21]


def test_copies_in_one_batch_count_once() -> None:
    world = World()
    world.batch(delivered([*errors(5), *errors(5)]))

    assert counts(world) == [5]


@pytest.mark.parametrize("resolution", ["us", "ms"])
def test_lines_whose_time_is_too_coarse_all_count(resolution: str) -> None:
    world = World()
    world.batch(delivered(errors(5, resolution)))
    world.batch(delivered(errors(5, resolution), first=500))

    assert counts(world) == [10]


def test_a_time_that_the_application_writes_proves_nothing() -> None:
    text = 'ERROR {\\"time\\":\\"2026-01-01T12:00:00.123456789Z\\"} failed'
    world = World()
    world.batch(delivered([line(text, "100"), line(text, "100")]))

    assert counts(world) == [2]


def test_a_trace_that_waited_for_its_rest_counts_once() -> None:
    # Given a trace at the end of a batch, which waits for more lines
    world = World()
    trace = line(TRACE, "100000001")
    now = world.clock.now()
    world.batch(delivered([trace], arrived=now))
    assert counts(world) == []

    # When its copy comes, and then other lines
    world.analyze().batch(OTHER, delivered([trace], first=300, arrived=now))
    world.clock.sleep(60.0)
    world.batch(delivered([line("INFO fine", "300000001")], first=600, arrived=world.clock.now()))
    world.analyze().release(OTHER, 5.0)

    # Then it counts once
    assert counts(world) == [1]


def test_what_an_incident_remembers_is_bounded_and_ends_after_an_hour_of_silence() -> None:
    world = World()
    world.batch(delivered(errors(MARKS + 100)))
    (stored,) = world.store.find(tuple(Status), 1)
    assert len(stored.marks) == MARKS

    world.clock.sleep(3_601.0)
    world.batch(delivered(errors(MARKS + 100)[-10:], first=9_000, arrived=world.clock.now() - 1.0))

    assert counts(world) == [MARKS + 110]

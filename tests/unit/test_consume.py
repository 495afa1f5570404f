"""The checkpoint of a reader moves over records that are done, and over no others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cali.adapters.aws.kinesis_reader import StreamReader
from cali.core.errors import Misconfigured
from cali.core.ports import Shard, ShardRead
from cali.testing.clock import FakeClock
from cali.usecases.poll_stream import LISTED, StreamPoller
from tests.functional.aws_fakes import MemoryNotes


class Stream:
    """Shards whose records are numbered from 1. `closed` names the shards that end after their last record."""

    name = "logs"

    def __init__(
        self, shards: dict[str, int], closed: tuple[str, ...] = (), parents: dict[str, str] | None = None
    ):
        self.kept = shards
        self.closed = closed
        self.parents = parents or {}
        self.open: tuple[str, ...] = ()

    def shards(self) -> list[Shard]:
        return [
            Shard(name, tuple(filter(None, (self.parents.get(name),))), name in self.open)
            for name in self.kept
        ]

    def read(self, shard: str, after: str, limit: int) -> ShardRead:
        last = int(after or 0)
        found = list(range(last + 1, self.kept[shard] + 1))[:limit]
        items = tuple({"kinesis": {"sequenceNumber": str(number)}} for number in found)
        return ShardRead(items, shard in self.closed and last + len(found) == self.kept[shard])


class Taker:
    """A consumer that stops before the records in `broken`."""

    def __init__(self, broken: frozenset[str] = frozenset()) -> None:
        self.broken = broken
        self.took: list[str] = []

    def __call__(self, shard: str, items: Sequence[dict[str, Any]]) -> int:
        for place, item in enumerate(items):
            number = item["kinesis"]["sequenceNumber"]
            if number in self.broken:
                return place
            self.took.append(f"{shard}:{number}")
        return len(items)


def reader(
    stream: Stream, take: Taker, notes: MemoryNotes, clock: FakeClock | None = None, limit: int = 3
) -> StreamPoller:
    return StreamPoller(stream, notes, "test", take, limit, (clock or FakeClock()).now)


def test_a_reader_goes_on_where_the_one_before_it_ended():
    stream, notes, first, second = Stream({"a": 4}), MemoryNotes(), Taker(), Taker()
    assert reader(stream, first, notes).turn().full
    turn = reader(stream, second, notes).turn()
    assert (first.took, second.took) == (["logs/a:1", "logs/a:2", "logs/a:3"], ["logs/a:4"])
    assert (turn.done, turn.failed, turn.full) == (1, 0, False)


def test_what_failed_comes_again_and_what_was_done_before_it_does_not():
    stream, notes, take = Stream({"a": 3}), MemoryNotes(), Taker(frozenset({"2"}))
    consumer = reader(stream, take, notes)
    assert (consumer.turn().failed, consumer.turn().failed) == (2, 2)
    take.broken = frozenset()
    assert consumer.turn().failed == 0
    assert take.took == ["logs/a:1", "logs/a:2", "logs/a:3"]


def test_two_purposes_read_the_same_records():
    stream, notes, one, other = Stream({"a": 1}), MemoryNotes(), Taker(), Taker()
    reader(stream, one, notes).turn()
    StreamPoller(stream, notes, "other", other, 3, FakeClock().now).turn()
    assert one.took == other.took == ["logs/a:1"]


def test_a_shard_is_read_after_those_it_came_from():
    stream = Stream({"parent": 4, "child": 1}, closed=("parent",), parents={"child": "parent"})
    notes, take = MemoryNotes(), Taker()
    consumer = reader(stream, take, notes)
    consumer.turn()
    assert not any("child" in seen for seen in take.took)
    consumer.turn()
    consumer.turn()
    assert take.took[-1] == "logs/child:1"
    done = len(take.took)
    consumer.turn()
    assert len(take.took) == done  # an ended shard is not read from its start again


def test_a_shard_whose_parent_is_kept_no_more_is_read():
    stream, take = Stream({"child": 1}, parents={"child": "gone"}), Taker()
    reader(stream, take, MemoryNotes()).turn()
    assert take.took == ["logs/child:1"]


def test_a_new_shard_is_found_in_time():
    stream, take, clock = Stream({"a": 1}), Taker(), FakeClock()
    consumer = reader(stream, take, MemoryNotes(), clock)
    consumer.turn()
    stream.kept["b"] = 1
    consumer.turn()
    assert "logs/b:1" not in take.took
    clock.sleep(LISTED)
    consumer.turn()
    assert "logs/b:1" in take.took


def test_a_process_whose_checkpoint_was_overtaken_goes_on_from_the_others():
    stream, notes, slow, fast = Stream({"a": 6}), MemoryNotes(), Taker(), Taker()
    behind = reader(stream, slow, notes, limit=1)
    behind.turn()
    ahead = reader(stream, fast, notes, limit=5)
    ahead.turn()
    behind.turn()  # its write conflicts with a newer one
    behind.turn()
    assert slow.took == ["logs/a:1", "logs/a:2"]  # the third turn found no records
    assert fast.took[-1] == "logs/a:6"


def test_a_shard_that_takes_records_again_is_one_of_a_new_stream_and_is_read_from_its_beginning():
    stream, notes, take = Stream({"a": 2}, closed=("a",)), MemoryNotes(), Taker()
    reader(stream, take, notes).turn()
    stream.closed, stream.open = (), ("a",)
    again = reader(stream, take, notes)
    again.turn()
    again.turn()
    assert take.took == ["logs/a:1", "logs/a:2"] * 2


class Kinesis:
    """A client of a recreated stream, which knows no sequence number of the earlier one."""

    class exceptions:  # noqa: N801 - boto3's name
        class ExpiredIteratorException(Exception): ...

        class InvalidArgumentException(Exception): ...

    def __init__(self) -> None:
        self.denied = False

    def get_shard_iterator(self, ShardIteratorType: str, **_: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        if self.denied:
            raise Misconfigured("stream logs: denied")
        if ShardIteratorType == "AFTER_SEQUENCE_NUMBER":
            raise self.exceptions.InvalidArgumentException
        return {"ShardIterator": "oldest"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert (ShardIterator, Limit) == ("oldest", 5)
        return {"Records": [], "NextShardIterator": "next"}


def test_a_checkpoint_of_a_stream_that_is_no_more_does_not_stop_the_reader_of_the_new_one():
    client = Kinesis()
    assert StreamReader(client, "logs").read("a", "4959", 5) == ShardRead((), ended=False)
    client.denied = True
    with pytest.raises(Misconfigured, match="denied"):
        StreamReader(client, "logs").read("a", "4959", 5)

"""consume: what an event-source mapping does for a function, for a process that lives on.

    shards -> those whose parents are read -> records after the checkpoint -> take -> checkpoint

The checkpoint moves only over records that `take` says are done, so what failed comes again, and so does what was done
just before a crash: `take` must bear that, as the functions do. Two processes on one stream do the work twice and
change nothing; whose checkpoint is behind goes on from the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cali.core.errors import Conflict

if TYPE_CHECKING:
    from cali.core.ports import BlobStore, InputStream, Shard

# Takes records of one shard, named `<stream>/<shard>`, and says how many of the first ones are done.
BatchHandler = Callable[[str, Sequence[dict[str, Any]]], int]

ENDED = b"ended"
LISTED = 60.0  # seconds for which the list of shards is good


@dataclass(frozen=True, slots=True)
class PollResult:
    """What came of one look at every shard. `failed` are records that are to come again."""

    done: int = 0
    failed: int = 0
    full: bool = False  # a shard gave as much as was asked for, so more is behind it


class StreamPoller:
    """Reads one stream for one purpose. `purpose` keeps the checkpoints of several readers of a stream apart."""

    def __init__(
        self,
        source: InputStream,
        notes: BlobStore,
        purpose: str,
        take: BatchHandler,
        limit: int,
        now: Callable[[], float],
    ) -> None:
        self._source = source
        self._notes = notes
        self._purpose = purpose
        self._take = take
        self._limit = limit
        self._now = now
        self._shards: list[Shard] = []
        self._listed = float("-inf")
        self._marks: dict[str, tuple[bytes, int]] = {}  # shard -> checkpoint and its version

    def turn(self) -> PollResult:
        """Looks at every shard that may be read, once. Raises Retryable when the stream or the table is away."""
        done = failed = 0
        full = False
        for shard in self._readable():
            mark, _ = self._mark(shard)
            read = self._source.read(shard, mark.decode(), self._limit)
            taken = self._take(f"{self._source.name}/{shard}", read.items) if read.items else 0
            if taken:
                self._move(shard, read.items[taken - 1]["kinesis"]["sequenceNumber"].encode())
            if read.ended and taken == len(read.items):
                self._move(shard, ENDED)
            done += taken
            failed += len(read.items) - taken
            full = full or len(read.items) >= self._limit
        return PollResult(done, failed, full)

    def _readable(self) -> list[str]:
        if self._now() - self._listed >= LISTED:
            self._shards = self._source.shards()
            self._listed = self._now()
            for shard in self._shards:
                mark, version = self._mark(shard.id)
                if shard.open and mark == ENDED:  # of a stream that had this name before
                    self._marks[shard.id] = (b"", version)
        kept = {shard.id for shard in self._shards}  # a parent that is kept no more has nothing left to read
        return [
            shard.id
            for shard in self._shards
            if self._mark(shard.id)[0] != ENDED
            and all(self._mark(parent)[0] == ENDED for parent in shard.parents if parent in kept)
        ]

    def _mark(self, shard: str) -> tuple[bytes, int]:
        if shard not in self._marks:
            self._marks[shard] = self._notes.read(self._name(shard))
        return self._marks[shard]

    def _move(self, shard: str, mark: bytes) -> None:
        _, version = self._mark(shard)
        try:
            self._notes.write(self._name(shard), mark, version)
        except Conflict:  # another process moved it, or this write came through and its answer did not
            del self._marks[shard]
            return
        self._marks[shard] = (mark, version + 1)

    def _name(self, shard: str) -> str:
        return f"worker:{self._purpose}:{self._source.name}/{shard}"

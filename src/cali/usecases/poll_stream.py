"""Polling of a stream for a long-running process, as an event-source mapping does for a function.

    shards whose parents are finished -> records after the checkpoint -> take -> checkpoint

The checkpoint moves only over records that `take` reports as done. Failed records, and those done just before a crash,
are read again, so `take` must be idempotent, as the functions are. Two processes on one stream do the work twice with the
same result; the slower one continues from the checkpoint of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cali.core.errors import Conflict

if TYPE_CHECKING:
    from cali.core.ports import BlobStore, InputStream, Shard

# Process records of the shard `<stream>/<shard>`, and return how many of the first ones are done.
BatchHandler = Callable[[str, Sequence[dict[str, Any]]], int]

ENDED = b"ended"
LISTED = 60.0  # seconds between two listings of the shards


@dataclass(frozen=True, slots=True)
class PollResult:
    """Counts of one read of every shard. `failed` records are read again."""

    done: int = 0
    failed: int = 0
    full: bool = False  # a shard returned as many records as were requested, so more follow


class StreamPoller:
    """A reader of one stream. `purpose` separates the checkpoints of several readers of a stream."""

    def __init__(
        self,
        source: InputStream,
        blobs: BlobStore,
        purpose: str,
        take: BatchHandler,
        limit: int,
        now: Callable[[], float],
    ) -> None:
        self._source = source
        self._blobs = blobs
        self._purpose = purpose
        self._take = take
        self._limit = limit
        self._now = now
        self._shards: list[Shard] = []
        self._listed = float("-inf")
        self._marks: dict[str, tuple[bytes, int]] = {}  # shard -> checkpoint and its version

    def turn(self) -> PollResult:
        """Read every readable shard once. Raise Retryable if the stream or the table does not answer."""
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
                if shard.open and mark == ENDED:  # the mark is of an earlier stream of this name
                    self._marks[shard.id] = (b"", version)
        kept = {
            shard.id for shard in self._shards
        }  # a parent shard that is no longer listed has expired, so its children can be read
        return [
            shard.id
            for shard in self._shards
            if self._mark(shard.id)[0] != ENDED
            and all(self._mark(parent)[0] == ENDED for parent in shard.parents if parent in kept)
        ]

    def _mark(self, shard: str) -> tuple[bytes, int]:
        if shard not in self._marks:
            self._marks[shard] = self._blobs.read(self._name(shard))
        return self._marks[shard]

    def _move(self, shard: str, mark: bytes) -> None:
        _, version = self._mark(shard)
        try:
            self._blobs.write(self._name(shard), mark, version)
        except Conflict:  # another process moved it, or only the answer of this write was lost
            del self._marks[shard]
            return
        self._marks[shard] = (mark, version + 1)

    def _name(self, shard: str) -> str:
        return f"worker:{self._purpose}:{self._source.name}/{shard}"

"""The checkpoint of a shard, shared by processes: the positions that were read, and the pending blocks.

A position identifies one line: the sequence number of its record, then the line's place in the record. A repeated batch
is recognised by its positions. A block that a batch cut in two waits here for the batch with the rest.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.core.errors import Poison
from cali.core.life import Span
from cali.core.models import Block, Record, Scope, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACES = 20  # bits of a position that number the lines of one record
READ = 64  # maximum spans of batches in a checkpoint
# The time of the collector or the runtime, never one in the text of the application, whose quotes are escaped.
_NANOSECONDS = re.compile(
    rb'"(?:@timestamp|time)":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(\d{3})(?:Z|[+-]\d\d:?\d\d)"'
)
LATE = 16  # number of later batches after which a late batch still counts completely
HELD = 200  # maximum pending blocks
# Maximum compressed bytes of the pending blocks of one batch. An item of DynamoDB holds 400 KB: the blocks of two
# batches.
ROOM = 150_000


class PendingBlock(NamedTuple):
    """A block that may continue. The lines of its records are positions.

    `arrived` is the time when the last line reached the stream. `mark` is the mark of its first record, 0 without one.
    """

    block: Block
    arrived: float
    mark: int = 0

    @property
    def start(self) -> int:
        return self.block.records[0].line

    @property
    def end(self) -> int:
        return self.block.records[-1].line


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The spans of the latest batches, and the pending blocks. Version 0 was never stored."""

    read: tuple[Span, ...] = ()
    held: tuple[PendingBlock, ...] = ()
    version: int = 0

    def has_read(self, position: int) -> bool:
        return any(span.start <= position <= span.end for span in self.read)

    def meets(self, span: Span) -> bool:
        """Return whether a part of a span was read before."""
        return any(known.start <= span.end and span.start <= known.end for known in self.read)

    def before(self, position: int) -> tuple[PendingBlock, ...]:
        """Return the pending blocks that a batch from a position on may continue."""
        return tuple(held for held in self.held if held.end < position)

    def unsettled(self, span: Span | None, left: tuple[PendingBlock, ...]) -> int:
        """Return the lowest position that may still change after a batch that leaves the blocks `left`.

        It is the lowest start of a pending block, of a block that the batch completed, or of one of the latest batches.
        """
        latest = self.read[-LATE:] if span is None else (*self.read[1 - LATE :], span)
        return min([held.start for held in (*self.held, *left)] + [known.start for known in latest])

    def after(
        self, span: Span | None, taken: tuple[PendingBlock, ...], left: tuple[PendingBlock, ...]
    ) -> Checkpoint:
        """Return the checkpoint after a batch that took some pending blocks and left others."""
        rest = tuple(held for held in self.held if held not in taken)
        read = self.read if span is None else (*self.read, span)[-READ:]
        return Checkpoint(read, tuple(sorted((*rest, *left), key=lambda held: held.start)), self.version)


def record_mark(raw: bytes) -> int:
    """Return a hash that is the same for all copies of a record; 0 if two events could have the same text.

    Only a time in nanoseconds tells two events with one text apart. A time that ends in 000 has microseconds.
    """
    found = _NANOSECONDS.search(raw)
    if found is None or found[1] == b"000" or b"\n" in raw.rstrip(b"\n"):
        return 0
    return int.from_bytes(blake2b(raw, digest_size=4).digest(), "big")


def position(sequence: str, place: int) -> int:
    """Return the position of a line. All lines after the first million of a record share one."""
    return int(sequence) << PLACES | min(place, (1 << PLACES) - 1)


def newest(blocks: Sequence[Block]) -> list[Block]:
    """Return the newest of the blocks that may continue, as many as there is room for."""
    chosen, room = [], ROOM
    for block in sorted(blocks, key=lambda block: block.records[-1].line, reverse=True)[:HELD]:
        text = "".join(record.message for record in block.records).encode("utf-8", "replace")
        weight = 100 * len(block.records) + (len(text) if len(text) < 1_000 else len(zlib.compress(text, 1)))
        if weight <= room:
            chosen.append(block)
            room -= weight
    return chosen


def dumps(checkpoint: Checkpoint) -> bytes:
    """Return compressed JSON. Positions are strings, because many JSON parsers do not support such large numbers."""
    plain = {
        "read": [[str(span.start), str(span.end)] for span in checkpoint.read],
        "held": [
            {
                "arrived": held.arrived,
                "mark": held.mark,
                "records": [_plain(record) for record in held.block.records],
            }
            for held in checkpoint.held
        ],
    }
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode(), 6)


def loads(body: bytes, version: int) -> Checkpoint:
    """Parse a checkpoint; empty bytes give an empty one. Raise Poison if it is anything else."""
    if not body:
        return Checkpoint(version=version)
    try:
        plain = json.loads(zlib.decompress(body))
        return Checkpoint(
            tuple(Span(int(start), int(end)) for start, end in plain["read"]),
            tuple(
                PendingBlock(
                    Block(tuple(map(_record, held["records"]))),
                    float(held["arrived"]),
                    int(held.get("mark", 0)),
                )
                for held in plain["held"]
            ),
            version,
        )
    except (zlib.error, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise Poison(f"not a shard's checkpoint: {error}") from error


def _plain(record: Record) -> list[Any]:
    severity = None if record.severity is None else int(record.severity)
    return [
        str(record.line),
        record.message,
        record.time,
        severity,
        record.scope,
        record.stream,
        record.partial,
    ]


def _record(plain: list[Any]) -> Record:
    line, message, time, severity, scope, stream, partial = plain
    level = None if severity is None else Severity(severity)
    return Record(int(line), message, time, level, Scope(*scope), stream, partial)

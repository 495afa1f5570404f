"""One batch of a shard: what Kinesis delivers to events, and the blocks that wait for the next batch.

Lines are numbered `place << 20 | line`, from place 1; place 0 is for blocks that waited. `ShardBatch.position` turns such
a number into the position that names the line for ever.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from cali.core.errors import CaliError, Poison
from cali.core.life import Span
from cali.core.models import Block, Quarantined, Severity
from cali.stages.decode.kinesis_records import PACKED, lines_of, unwrapped
from cali.stages.join.line_patterns import SUSPECT
from cali.stages.refine.severity import by_words
from cali.usecases.checkpoint import PLACES, PendingBlock, newest, position
from cali.usecases.pipeline import Pipeline, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cali.core.models import Event
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner

MASK = (1 << PLACES) - 1
FULL = 5_000_000  # bytes of base64 in a batch; Lambda ends one at 6 MB


class ShardBatch:
    """A batch on its way through the event path. `items` are Kinesis records as Lambda gives them, of one shard, in order."""

    def __init__(
        self,
        items: Sequence[dict[str, Any]],
        waiting: Sequence[PendingBlock],
        decoder: Decoder,
        refiner: Refiner,
        observe: Callable[[Event], None],
    ) -> None:
        self._items = items
        self._waiting = waiting
        self._observe = observe
        self._carried = [record.line for held in waiting for record in held.block.records]
        self.tally = Tally(most=sys.maxsize)
        self._pipeline = Pipeline(decoder, refiner, pending=self._resumed(), tally=self.tally)

    @property
    def quarantined(self) -> list[Quarantined]:
        return self.tally.reasons

    @property
    def span(self) -> Span | None:
        """The positions of all that the batch may hold; None for a batch without records."""
        if not self._items:
            return None
        first, last = self._items[0], self._items[-1]
        return Span(
            position(first["kinesis"]["sequenceNumber"], 0), position(last["kinesis"]["sequenceNumber"], MASK)
        )

    def position(self, line: int) -> int:
        place = line >> PLACES
        if not place:
            return self._carried[line]
        return position(self._items[place - 1]["kinesis"]["sequenceNumber"], line & MASK)

    def read(self) -> None:
        """Take all records through. What is left of a line that the batch cut stays partial."""
        self._take(self._pipeline.feed(self._lines()))
        self._take(self._pipeline.end_lines())

    def settle(self, may_go: Callable[[float], bool]) -> tuple[PendingBlock, ...]:
        """Take what is left through, except blocks that may go on in the next batch.

        `may_go` says of a time of arrival that no rest comes any more. When too many blocks wait, those of the latest
        lines do: the rest of the others is overdue.
        """
        pending = self._pipeline.pending()
        waiting = [block for block in pending if _may_go_on(block) and not may_go(self._arrived_last(block))]
        kept = {block.records[0].line for block in newest(waiting)}
        self._take(self._pipeline.end_blocks(lambda block: block.records[0].line not in kept))
        left: list[PendingBlock] = []
        for block in self._pipeline.pending():
            records = (
                record._replace(line=self.position(record.line), normalised=b"") for record in block.records
            )
            left.append(PendingBlock(Block(tuple(records)), self._arrived_last(block)))
        return tuple(left)

    def _arrived_last(self, block: Block) -> float:
        return self.arrived(block.records[-1].line)

    def arrival(self, place: int) -> float:
        """When a record reached the stream."""
        return float(self._items[place]["kinesis"]["approximateArrivalTimestamp"])

    def arrived(self, line: int) -> float:
        """When a line reached the stream, also one of a block that waited."""
        place = line >> PLACES
        if place:
            return self.arrival(place - 1)
        seen = 0
        for held in self._waiting:
            seen += len(held.block.records)
            if line < seen:
                return held.arrived
        return 0.0

    def is_full(self, most: int) -> bool:
        """Whether Lambda ended the batch because of its size: then more is behind it."""
        items = self._items
        return len(items) >= most or sum(len(item["kinesis"]["data"]) for item in items) >= FULL

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """The numbered lines of all records. A record that cannot be unpacked is quarantined."""
        number = 0
        for item in self._items:
            number += 1 << PLACES
            try:
                raw = unwrapped(item["kinesis"]["data"])
            except (ValueError, TypeError, KeyError):
                raw = b"\n"  # `lines_of` finds out what is wrong
            if b"\n" not in raw and not (raw and raw[0] in PACKED):
                yield number, raw
                continue
            try:
                lines = lines_of(item["kinesis"]["data"])
            except (Poison, KeyError, TypeError) as error:
                reason = str(error) if isinstance(error, Poison) else "a record without data"
                text = str(item.get("kinesis", {}).get("data", "")).encode(errors="replace")
                self.tally.lines += 1
                self.tally.quarantine(Quarantined(number, reason, text))
                continue
            for place, line in enumerate(lines):
                yield number + min(place, MASK), line

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            try:
                self._observe(event)
            except CaliError:
                raise
            except Exception as error:  # a defect that one event shows must not stop the shard
                reason = f"detect failed: {type(error).__name__}: {error}"
                self.tally.quarantine(
                    Quarantined(event.lines[0], reason, event.message.encode(errors="replace"))
                )

    def _resumed(self) -> list[Block]:
        """The blocks that waited, their lines numbered in place 0."""
        blocks, line = [], 0
        for held in self._waiting:
            records = []
            for record in held.block.records:
                records.append(record._replace(line=line))
                line += 1
            blocks.append(Block(tuple(records)))
        return blocks


def _may_go_on(block: Block) -> bool:
    """Whether a block is one of those that often have more lines: traces, cut lines, and lines that report trouble, for a
    trace below them is theirs. What is none of these loses nothing when it is told at once."""
    last = block.records[-1]
    if len(block.records) > 1 or last.partial or SUSPECT.match(last.message):
        return True
    severity = last.severity if last.severity is not None else by_words(last.message)
    return severity is not None and severity >= Severity.WARNING

"""One batch of a shard: Kinesis records to events, and the blocks that wait for the next batch.

A line has the number `place << 20 | line`, with the place of its record from 1; place 0 is for pending blocks.
`ShardBatch.position` turns the number into the line's position, which never changes.
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
from cali.usecases.checkpoint import PLACES, PendingBlock, newest, position, record_mark
from cali.usecases.pipeline import Pipeline, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cali.core.models import Event
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner

MASK = (1 << PLACES) - 1
FULL = 5_000_000  # bytes of base64 from which a batch counts as full; Lambda ends one at 6 MB


class ShardBatch:
    """A batch in the event path. `items` are Kinesis records of one shard, in order, as Lambda passes them."""

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
        """The positions that the batch may hold; None without records."""
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

    def mark(self, line: int) -> int:
        """Return the mark of a line's record; see `record_mark`. Only the first line of a pending block has one."""
        place = line >> PLACES
        if not place:
            first = 0
            for held in self._waiting:
                if first == line:
                    return held.mark
                first += len(held.block.records)
            return 0
        try:
            return record_mark(unwrapped(self._items[place - 1]["kinesis"]["data"]))
        except (ValueError, TypeError, KeyError):
            return 0

    def read(self) -> None:
        """Read all records. The rest of a line that the batch cut stays partial."""
        self._take(self._pipeline.feed(self._lines()))
        self._take(self._pipeline.end_lines())

    def settle(self, may_go: Callable[[float], bool]) -> tuple[PendingBlock, ...]:
        """End the complete blocks, and return those that may continue in the next batch.

        `may_go` gets the arrival time of the last line of a block, and returns whether the block is complete. If too
        many blocks may continue, only the newest are returned; the others end.
        """
        pending = self._pipeline.pending()
        waiting = [block for block in pending if _may_go_on(block) and not may_go(self._arrived_last(block))]
        pending_lines = {block.records[0].line for block in newest(waiting)}
        self._take(self._pipeline.end_blocks(lambda block: block.records[0].line not in pending_lines))
        left: list[PendingBlock] = []
        for block in self._pipeline.pending():
            records = (
                record._replace(line=self.position(record.line), normalised=b"") for record in block.records
            )
            mark = self.mark(block.records[0].line)
            left.append(PendingBlock(Block(tuple(records)), self._arrived_last(block), mark))
        return tuple(left)

    def _arrived_last(self, block: Block) -> float:
        return self.arrived(block.records[-1].line)

    def arrival(self, place: int) -> float:
        """Return when a record reached the stream."""
        return float(self._items[place]["kinesis"]["approximateArrivalTimestamp"])

    def arrived(self, line: int) -> float:
        """Return when a line reached the stream, also a line of a pending block."""
        place = line >> PLACES
        if place:
            return self.arrival(place - 1)
        lines = 0
        for held in self._waiting:
            lines += len(held.block.records)
            if line < lines:
                return held.arrived
        return 0.0

    def is_full(self, most: int) -> bool:
        """Return whether Lambda ended the batch because of its size, so that more records follow."""
        items = self._items
        return len(items) >= most or sum(len(item["kinesis"]["data"]) for item in items) >= FULL

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the numbered lines of all records. A record that cannot be unpacked is quarantined."""
        number = 0
        for item in self._items:
            number += 1 << PLACES
            try:
                raw = unwrapped(item["kinesis"]["data"])
            except (ValueError, TypeError, KeyError):
                raw = b"\n"  # `lines_of` raises the exact error
            if b"\n" not in raw and not (raw and raw[0] in PACKED):
                yield number, raw
                continue
            try:
                lines = lines_of(item["kinesis"]["data"])
            except (Poison, KeyError, TypeError) as error:
                reason = str(error) if isinstance(error, Poison) else "the record has no data"
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
            except Exception as error:  # a defect in one event must not stop the shard
                reason = f"detect failed: {type(error).__name__}: {error}"
                self.tally.quarantine(
                    Quarantined(event.lines[0], reason, event.message.encode(errors="replace"))
                )

    def _resumed(self) -> list[Block]:
        """Return the pending blocks, with their lines numbered in place 0."""
        blocks, line = [], 0
        for held in self._waiting:
            records = []
            for record in held.block.records:
                records.append(record._replace(line=line))
                line += 1
            blocks.append(Block(tuple(records)))
        return blocks


def _may_go_on(block: Block) -> bool:
    """Return whether a block may have more lines.

    Such blocks are traces, cut lines, and lines of severity `warning` or higher, which a trace may follow.
    """
    last = block.records[-1]
    if len(block.records) > 1 or last.partial or SUSPECT.match(last.message):
        return True
    severity = last.severity if last.severity is not None else by_words(last.message)
    return severity is not None and severity >= Severity.WARNING

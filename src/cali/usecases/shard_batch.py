"""One batch of a shard, from what Kinesis delivers to refined events, and what of it has to wait.

    records -> lines -> decode -> join (with what waited) -> refine -> observe
                  \\-> quarantined                  \\-> held

Lines are numbered `place << 20 | line`, from place 1; place 0 is for blocks that waited. `Delivery.position` turns such
a number into the position that names the line for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.adapters.sources.envelopes import PACKED, lines_of, unwrapped
from cali.core.errors import Poison
from cali.core.life import Span
from cali.core.models import Block, Quarantined, Record, Severity
from cali.stages.join import Joiner
from cali.stages.join.line_patterns import SUSPECT
from cali.stages.refine.severity import by_words
from cali.usecases.checkpoint import PLACES, PendingBlock, newest, position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cali.core.models import Event
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner

MASK = (1 << PLACES) - 1
FULL = 5_000_000  # bytes of base64 in a batch; Lambda ends one at 6 MB


class ShardBatch:
    """A batch on its way through. `items` are Kinesis records as Lambda gives them, of one shard and in order."""

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
        # Pieces of its own: what a failed reading gathered is not the next one's.
        self._decoder = decoder.apart(record for held in waiting for record in held.block.records[-1:])
        self._refine = refiner.refine
        self._observe = observe
        self._carried = [record.line for held in waiting for record in held.block.records]
        self._joiner = Joiner(pending=self._resumed())
        self.quarantined: list[Quarantined] = []
        self.lines = 0
        self.events = 0

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

    def read(self, careful: bool = False) -> None:
        """Takes all records through. `careful` keeps a block that breaks our own code from breaking the batch."""
        decode, push = self._decoder.decode, self._joiner.push
        refine: Any = self._refine
        observe: Any = self._observe
        if careful:
            refine, observe = _as_it_is, self._carefully
        line, events = 0, 0
        for item in self._items:
            line += 1 << PLACES
            try:
                raw = unwrapped(item["kinesis"]["data"])
            except (ValueError, TypeError, KeyError):
                raw = b"\n"  # the longer way says what is wrong
            if b"\n" in raw or (raw and raw[0] in PACKED):
                self._several(item, line, careful)
                continue
            record = decode(raw, line)
            if record.__class__ is Record:
                for block in push(record):
                    events += 1
                    observe(refine(block))
            elif record is not None:
                self.quarantined.append(record)  # type: ignore[arg-type]  # neither a Record nor None
        self._gather(self._decoder.rest(), careful)
        self.lines += len(self._items)
        self.events += events

    def settle(self, may_go: Callable[[float], bool]) -> tuple[PendingBlock, ...]:
        """Takes what is left through, but for blocks whose rest may still come; `may_go` says of a time of arrival that
        no rest comes any more. When too many wait, those of the latest lines do: the rest of the others is overdue."""
        pending = self._joiner.pending()
        waiting = [block for block in pending if _may_go_on(block) and not may_go(self._arrived_last(block))]
        kept = {block.records[0].line for block in newest(waiting)}
        left: list[PendingBlock] = []
        for block in pending:
            if block.records[0].line in kept:
                records = (
                    record._replace(line=self.position(record.line), alike=b"") for record in block.records
                )
                left.append(PendingBlock(Block(tuple(records)), self._arrived_last(block)))
            else:
                self.events += 1
                self._carefully(block)
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

    def _several(self, item: dict[str, Any], line: int, careful: bool) -> None:
        """A record that holds several lines, or packed ones, or cannot be read."""
        try:
            lines = lines_of(item["kinesis"]["data"])
        except (Poison, KeyError, TypeError) as error:
            reason = str(error) if isinstance(error, Poison) else "a record without data"
            raw = str(item.get("kinesis", {}).get("data", "")).encode(errors="replace")
            self.quarantined.append(Quarantined(line, reason, raw))
            return
        self.lines += len(lines) - 1
        decode = self._decoder.decode
        self._gather((decode(raw, line + min(place, MASK)) for place, raw in enumerate(lines)), careful)

    def _gather(self, decoded: Iterable[Record | Quarantined | None], careful: bool) -> None:
        for record in decoded:
            if isinstance(record, Record):
                for block in self._joiner.push(record):
                    self.events += 1
                    if careful:
                        self._carefully(block)
                    else:
                        self._observe(self._refine(block))
            elif record is not None:
                self.quarantined.append(record)

    def _carefully(self, block: Block) -> None:
        try:
            self._observe(self._refine(block))
        except Exception as error:  # a fault of ours in one block must not stop the shard
            raw = "\n".join(record.message for record in block.records).encode(errors="replace")
            reason = f"refine failed: {type(error).__name__}: {error}"
            self.quarantined.append(Quarantined(block.records[0].line, reason, raw))

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


def _as_it_is(block: Block) -> Block:
    return block


def _may_go_on(block: Block) -> bool:
    """Whether a block is one of those that often have more lines: traces, cut lines, and lines that report trouble, for a
    trace below them is theirs. What is none of these loses nothing when it is told at once."""
    last = block.records[-1]
    if len(block.records) > 1 or last.partial or SUSPECT.match(last.message):
        return True
    severity = last.severity if last.severity is not None else by_words(last.message)
    return severity is not None and severity >= Severity.WARNING

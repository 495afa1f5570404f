"""Batches that cut no event in two, for those that overtake each other.

Lambda never turns the batches of a shard round. Who does must not tear what a promise keeps together: two halves of a
stack trace, the second one first, are nothing that a consumer could put right.
"""

from __future__ import annotations

from collections.abc import Sequence

from cali.core.models import Block, Record
from cali.stages.decode import Decoder
from cali.stages.join import Joiner
from cali.stages.join.line_patterns import SUSPECT
from tests.cloud.batches import Row

SETTLED = 2.0  # seconds after which the rest of an event is there
BEHIND = 1_000  # rows of a shard among which the rest of an event is


def ends(rows: Sequence[Row]) -> list[int]:
    """The counts of rows after which a batch may end."""
    decoder, joiner = Decoder("local"), Joiner()
    blocks: list[Block] = []
    for place, row in enumerate(rows):
        record = decoder.decode(row.data, place)
        if isinstance(record, Record):
            blocks += joiner.push(record)
    blocks += joiner.flush()
    inside: set[int] = set()
    before: dict[str, int] = {}
    for block in blocks:
        first, last = block.records[0], block.records[-1]
        # What could continue a block stays with what its stream wrote before, though it does not continue that one.
        start = before.get(first.stream, first.line) if SUSPECT.match(first.message) else first.line
        inside.update(range(start + 1, last.line + 1))
        before[first.stream] = first.line
    return [count for count in range(1, len(rows) + 1) if count not in inside]


def sizes(rows: Sequence[Row], known: float, most: int, batch_size: int) -> list[int]:
    """The sizes of up to `most` batches, as alike as may be. All rows up to the time `known` are here, if it is not 0. Rows
    whose event may still go on are left for later."""
    settled = max(sum(row.arrived <= known - SETTLED for row in rows), len(rows) - BEHIND)
    good = [count for count in ends(rows) if count <= settled]
    step = min(batch_size, -(-good[-1] // most)) if good else 0
    found: list[int] = []
    start = 0
    while len(found) < most and start < (good[-1] if good else 0):
        end = max(count for count in good if count <= max(start + step, min(c for c in good if c > start)))
        found.append(end - start)
        start = end
    return found

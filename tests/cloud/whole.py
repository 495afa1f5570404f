"""Batches that never split an event, for deliveries out of order.

Lambda never reorders the batches of a shard. A test that does must not split an event: no consumer could join two
halves of a stack trace if the second half comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

from cali.core.models import Block, Record
from cali.stages.decode import Decoder
from cali.stages.join import Joiner
from cali.stages.join.line_patterns import SUSPECT
from tests.cloud.batches import Row

SETTLED = 2.0  # seconds after which an event is complete
BEHIND = 1_000  # rows of a shard within which an event is complete


def ends(rows: Sequence[Row]) -> list[int]:
    """Return the counts of rows after which a batch may end."""
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
        # A line that may continue an event stays with the previous line of its stream, even if it does not continue
        # it.
        start = before.get(first.stream, first.line) if SUSPECT.match(first.message) else first.line
        inside.update(range(start + 1, last.line + 1))
        before[first.stream] = first.line
    return [count for count in range(1, len(rows) + 1) if count not in inside]


def sizes(rows: Sequence[Row], known: float, most: int, batch_size: int) -> list[int]:
    """Return the sizes of up to `most` batches of similar size. All rows up to the time `known` are here, if it is
    not 0. Rows of an event that may continue are left for later."""
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

"""Deduplication by position: the positions of each source that were already counted.

Positions of one source grow, with gaps (Kinesis sequence numbers, line numbers). A batch is a span of positions. The last
`SPANS` spans are stored exactly. Older spans become a high-water mark, and positions below it count as read. A count is
therefore exact unless a batch is more than `SPANS` batches late. Then it is too low, never too high. A batch that defers
lines leaves gaps. Its caller passes the first position that the mark must not pass.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from cali.core.life import ReadPositions, Span

SPANS = 32  # maximum spans per source
MOST = 512  # maximum spans per source while lines are deferred
SOURCES = 128  # maximum sources per incident; the least recently read one is dropped first
MARKS = 500  # maximum records whose copies an incident recognises; a PutRecords call holds as many

Positions = Sequence[tuple[int, int]]


def unread(reads: Sequence[ReadPositions], source: str, positions: Positions) -> Positions:
    """Return those (position, count) pairs that were not counted before."""
    read = next((read for read in reads if read.source == source), None)
    if read is None:
        return positions
    return [(position, count) for position, count in positions if not _holds(read, position)]


def uncopied(
    known: Sequence[int], positions: Positions, marks: Mapping[int, int]
) -> tuple[int, tuple[int, ...]]:
    """Return how many events at these positions are no copies of counted ones, and the marks to know from now on.

    A collector that sends a batch again gives its records new positions, maybe in another shard. A copy has the mark of
    the original. A position without a mark is never a copy.
    """
    seen, fresh, events = set(known), [], 0
    for position, count in positions:
        mark = marks.get(position)
        if mark is not None:
            if mark in seen:
                continue
            seen.add(mark)
            fresh.append(mark)
        events += count
    return events, (*known, *fresh)[-MARKS:]


def with_span(
    reads: Sequence[ReadPositions], source: str, span: Span, now: float, unsettled: int | None = None
) -> tuple[ReadPositions, ...]:
    """Add a span of a source and return all reads, ordered by source name.

    Unread positions from `unsettled` on may still arrive.
    """
    old = next((read for read in reads if read.source == source), ReadPositions(source, ()))
    spans, floor = _merged((*old.spans, span)), old.floor
    while len(spans) > (SPANS if unsettled is None or spans[0].end < unsettled else MOST):
        floor = max(floor, spans[0].end)
        spans = spans[1:]
    others = [read for read in reads if read.source != source]
    if len(others) >= SOURCES:
        others.remove(min(others, key=lambda read: (read.at, read.source)))
    new = ReadPositions(source, tuple(spans), floor, max(old.at, now))
    return tuple(sorted((*others, new), key=lambda read: read.source))


def covers(reads: Sequence[ReadPositions], source: str, span: Span) -> bool:
    """Return True if all of a span was read before."""
    read = next((read for read in reads if read.source == source), None)
    if read is None:
        return False
    start = max(span.start, read.floor + 1)
    return start > span.end or any(known.start <= start and span.end <= known.end for known in read.spans)


def _holds(read: ReadPositions, position: int) -> bool:
    if position <= read.floor:
        return True
    place = bisect_left(read.spans, position, key=lambda span: span.end)
    return place < len(read.spans) and read.spans[place].start <= position


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Return the spans in ascending order, with adjacent spans merged."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end + 1:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged

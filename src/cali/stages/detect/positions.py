"""What of each source was read already, so that no event counts twice, however its batch is delivered.

Positions of one source grow, with gaps (Kinesis sequence numbers, line numbers). A batch that was read is a span. Spans
are kept exactly while they are few; beyond that the lowest become a high-water mark: what comes below it is taken for
read. So a count is exact if no batch is more than `SPANS` batches late, and too low, never too high, if one is. A batch
that leaves lines for later has a hole for each: who knows of them says from where on nothing may become the mark.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from cali.core.life import ReadPositions, Span

SPANS = 32  # per source
MOST = 512  # per source while something is left for later
SOURCES = 128  # per incident; beyond that the one that was read longest ago is forgotten

Positions = Sequence[tuple[int, int]]


def unread(reads: Sequence[ReadPositions], source: str, positions: Positions) -> int:
    """How many of the events at these (position, count) were not read before."""
    read = next((read for read in reads if read.source == source), None)
    if read is None:
        return sum(count for _, count in positions)
    return sum(count for position, count in positions if not _holds(read, position))


def with_span(
    reads: Sequence[ReadPositions], source: str, span: Span, now: float, unsettled: int | None = None
) -> tuple[ReadPositions, ...]:
    """The reads after one more span of a source, in the order of the sources' names. From `unsettled` on positions that
    were not read may still come."""
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
    """Whether all of a span was read before."""
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
    """Ascending, those that touch joined."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end + 1:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged

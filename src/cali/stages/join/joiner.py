"""The joiner: groups the records of one event into a block, also when streams or writers of one stream interleave."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured
from cali.core.models import Block, Record, Severity
from cali.stages.join.grammar import (
    Resumption,
    Shape,
    awaits,
    following,
    has_header,
    opening,
    resumption,
    same_call,
)
from cali.stages.join.line_patterns import SUSPECT, TraceFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_suspect = SUSPECT.match
_WARNING = Severity.WARNING
_PLAIN = Shape(TraceFormat.PLAIN, 0)
_new = tuple.__new__  # half the time of Block(...), which calls a Python function
_PAGE = 12  # bits: a record counts once plus once per 4 KiB, so that `gap` also bounds memory
_MEMO = 16_384  # maximum cached lines, each of at most 1 KB
_HOLD = 8  # times `gap` records after which even a growing block is released


@dataclass(frozen=True, slots=True)
class Limits:
    """Size limits of a block. A block at a limit is released, and the next record starts a new block.

    lines: several times a usual stack trace. Only runaway recursion (Java prints 1024 frames) is cut.
    bytes: of UTF-8, 500 lines of 500 bytes. Larger blocks are data, not traces.
    seconds: between two records of a stream. One log call writes its lines within milliseconds. The limit leaves room
        for a blocked pipe or a paused process.
    gap: records of the whole input since the block's last one. Collectors read a file in chunks of 32 to 256 KiB, a
        few hundred lines, so the rest of an event arrives within that distance.
    """

    lines: int = 500
    bytes: int = 256 * 1024
    seconds: float = 5.0
    gap: int = 1000

    def __post_init__(self) -> None:
        for name in ("lines", "bytes", "seconds", "gap"):
            if not getattr(self, name) > 0:
                raise Misconfigured(f"join limits: {name} is {getattr(self, name)}; set it to more than 0")


class _OpenStream:
    """The open block of one stream. `shape` is None while the block is one ordinary line.

    `interrupted` holds earlier blocks of the stream, oldest first, whose rest may still come: another writer of the
    stream wrote a line in between.
    """

    __slots__ = ("block", "first_count", "interrupted", "last_count", "shape", "size")

    def __init__(self, block: list[Record], shape: Shape | None, count: int) -> None:
        self.block = block
        self.shape = shape
        self.size = 0  # bytes, counted from the second record on
        self.last_count = self.first_count = count
        self.interrupted: list[_Interrupted] = []


class _Interrupted:
    """A block that waits for its rest while its stream begins at most `room` other blocks."""

    __slots__ = ("block", "first_count", "fresh", "last_count", "room", "shape", "size")

    def __init__(self, stream: _OpenStream, shape: Shape, room: int) -> None:
        self.block, self.shape, self.size, self.room = stream.block, shape, stream.size, room
        self.first_count, self.last_count = stream.first_count, stream.last_count
        self.fresh = True  # no block began since

    def outlasts(self, first: Record) -> bool:
        """Return whether the block still waits after a block with this first record began."""
        if self.fresh and not has_header(first, self.block[-1]):
            return False
        self.fresh = False
        self.room -= 1
        return self.room >= 0


class Joiner:
    """A joiner of records into blocks. It returns every record exactly once, and blocks in the order of their beginnings.

    A joiner created with the `pending` blocks of an earlier one continues them.
    """

    def __init__(self, limits: Limits = Limits(), pending: Iterable[Block] = ()) -> None:
        self._limits = limits
        self._streams: dict[str, _OpenStream] = {}
        self._queue: deque[list[Record]] = deque()  # unreleased blocks; the last block of each stream is open
        self._count = 0  # records pushed so far; a long record counts as several
        self._due = 0  # the count at which the first block of the queue is checked again
        self._resume(pending)

    def push(self, record: Record) -> list[Block]:
        """Add a record and return the blocks that are now complete, usually the previous line."""
        message = record.message
        count = self._count = self._count + 1 + (len(message) >> _PAGE)
        stream = self._streams.get(record.stream)
        if (
            stream is None
            or stream.shape is not None
            or record.partial
            or (_ordinary[normalised] if (normalised := record.normalised) else _is_ordinary(message))
            is False
        ):
            return self._consider(stream, record)
        queue = self._queue
        last = stream.block
        stream.block = fresh = [record]
        stream.last_count = stream.first_count = count
        severity = record.severity
        if severity is not None and severity >= _WARNING:
            stream.shape = _PLAIN
        queue.append(fresh)
        if queue[0] is last:
            queue.popleft()
            block = _new(Block, ((last[0],),))
            return [block] if queue[0] is fresh else self._drain([block])
        return self._drain([]) if count > self._due else []

    def flush(self) -> list[Block]:
        """Return all remaining blocks, complete or not."""
        rest = list(self.pending())
        self._queue.clear()
        self._streams.clear()
        return rest

    def release(self, is_complete: Callable[[Block], bool]) -> list[Block]:
        """Return the blocks that are complete; the others stay open."""
        found, queue = [], self._queue
        for records in list(queue):
            block = Block(tuple(records))
            queue.popleft()
            if not is_complete(block):
                queue.append(records)
                continue
            found.append(block)
            stream = self._streams.get(records[0].stream)
            if stream is None:
                continue
            if stream.block is records:
                del self._streams[records[0].stream]
            else:
                stream.interrupted = [held for held in stream.interrupted if held.block is not records]
        self._due = 0  # the front of the queue may have changed
        return found

    def pending(self) -> tuple[Block, ...]:
        """Return all open blocks in order, as plain data for a later `Joiner(limits, pending=...)`."""
        return tuple(map(Block, map(tuple, self._queue)))

    def _consider(self, stream: _OpenStream | None, record: Record) -> list[Block]:
        """Add a record that is not an ordinary line, or that follows such a record."""
        if stream is None:
            self._streams[record.stream] = stream = _OpenStream([record], _shape(record), self._count)
            self._queue.append(stream.block)
        elif _is_headed(stream.block, record) or not self._continues(stream, record):
            self._begin(stream, record)
        stream.last_count = self._count
        return self._drain([])

    def _continues(self, stream: _OpenStream, record: Record) -> bool:
        """Add the record to the open block of its stream or to an interrupted one; return False if it starts an event."""
        if not stream.interrupted:
            return self._joins(stream, record)
        shape = stream.shape or opening(stream.block[0])
        return (
            self._resumes(stream, shape, record, certain=True)
            or self._joins(stream, record)
            or self._resumes(stream, shape, record, certain=False)
        )

    def _resumes(self, stream: _OpenStream, shape: Shape, record: Record, *, certain: bool) -> bool:
        """Add the record to the newest interrupted block that it continues."""
        last = stream.block[-1].time
        for held in reversed(stream.interrupted):
            then = held.block[-1].time
            if last is not None and then is not None and last - then > self._limits.seconds:
                continue
            found = resumption(held.shape, held.block, record, shape, stream.block)
            if found and (found is Resumption.CERTAIN) is certain and self._joins(held, record):
                stream.interrupted.remove(held)
                self._interrupt(stream)
                stream.block, stream.shape, stream.size = held.block, held.shape, held.size
                stream.first_count = held.first_count
                return True
        return False

    def _begin(self, stream: _OpenStream, record: Record) -> None:
        """Start a block. The open one is interrupted if the new line has a header and the rest may still come."""
        self._interrupt(stream)
        held = stream.interrupted
        if held:
            held = stream.interrupted = [each for each in held if each.outlasts(record)]
        stream.block, stream.size = [record], 0
        stream.shape = _shape(record) or (_PLAIN if held else None)
        stream.first_count = self._count
        self._queue.append(stream.block)

    def _interrupt(self, stream: _OpenStream) -> None:
        shape = stream.shape or opening(stream.block[0])
        room = awaits(shape, stream.block)
        if room:
            stream.interrupted.append(_Interrupted(stream, shape, room))

    def _joins(self, stream: _OpenStream | _Interrupted, record: Record) -> bool:
        block, limits = stream.block, self._limits
        before = block[-1].time
        if len(block) >= limits.lines or self._count - stream.last_count > limits.gap:
            return False
        if before is not None and record.time is not None and record.time - before > limits.seconds:
            return False
        shape = following(stream.shape or opening(block[0]), block, record)
        if shape is None:
            return False
        size = (stream.size or _size(block[0])) + _size(record)
        if size > limits.bytes:
            return False
        block.append(record)
        stream.shape, stream.size = shape, size
        return True

    def _drain(self, out: list[Block]) -> list[Block]:
        """Append to `out` the blocks at the front of the queue, up to the first that is open and not overdue."""
        queue, streams, count, gap = self._queue, self._streams, self._count, self._limits.gap
        while queue:
            front = queue[0]
            name = front[0].stream
            stream = streams.get(name)
            held: _OpenStream | _Interrupted | None = stream
            if stream is not None and stream.block is not front:
                held = _interrupted(stream, front) if stream.interrupted else None
            if stream is not None and held is not None:
                self._due = min(held.last_count + gap, held.first_count + gap * _HOLD)
                if count <= self._due:
                    break
                if held is stream:
                    del streams[name]
                else:
                    stream.interrupted = [each for each in stream.interrupted if each is not held]
            queue.popleft()
            out.append(_new(Block, (tuple(front),)))
        return out

    def _resume(self, pending: Iterable[Block]) -> None:
        """Restore the open blocks. Their shapes, and which of them were interrupted, follow from their records."""
        streams: dict[str, list[_OpenStream]] = {}
        for block in pending:
            if block.records:
                restored = _restored(list(block.records))
                self._queue.append(restored.block)
                streams.setdefault(restored.block[0].stream, []).append(restored)
        for name, blocks in streams.items():
            firsts = sorted((each.block[0] for each in blocks), key=attrgetter("line"))
            blocks.sort(key=lambda each: each.block[-1].line)
            stream = self._streams[name] = blocks.pop()
            for each in blocks:
                shape = each.shape or opening(each.block[0])
                room = awaits(shape, each.block)
                held, last = _Interrupted(each, shape, room), each.block[-1].line
                if room and all(held.outlasts(first) for first in firsts if first.line > last):
                    stream.interrupted.append(held)
            if stream.interrupted and stream.shape is None:
                stream.shape = opening(stream.block[0])


def _restored(records: list[Record]) -> _OpenStream:
    shape, size, before = _shape(records[0]), _size(records[0]), records[:1]
    for record in records[1:]:
        shape = following(shape or opening(records[0]), before, record) or shape
        size += _size(record)
        before.append(record)
    stream = _OpenStream(records, shape, 0)
    stream.size = size
    return stream


def _interrupted(stream: _OpenStream, block: list[Record]) -> _Interrupted | None:
    for held in stream.interrupted:
        if held.block is block:
            return held
    return None


def _shape(record: Record) -> Shape | None:
    """Return the shape of a new block; None for an ordinary line that no trace may follow later."""
    normalised = record.normalised
    if record.partial or not (_ordinary[normalised] if normalised else _is_ordinary(record.message)):
        return opening(record)
    severity = record.severity
    return _PLAIN if severity is not None and severity >= _WARNING else None


def _is_ordinary(message: str) -> bool:
    """Return True if a line neither opens a block of several lines nor continues an ordinary line."""
    return _suspect(message) is None and ":  " not in message and message[-1:] != ":"


def _is_headed(block: list[Record], record: Record) -> bool:
    """Return True if a logger's header on an ordinary line shows that it starts an event."""
    if record.severity is None or block[-1].partial or same_call(block, record):
        return False
    normalised = record.normalised
    return not record.partial and (_ordinary[normalised] if normalised else _is_ordinary(record.message))


class _Ordinary(dict[bytes, bool]):
    """A cache of `_is_ordinary` by normalised message. No pattern depends on a digit or a hexadecimal id."""

    def __missing__(self, normalised: bytes) -> bool:
        if len(self) >= _MEMO:
            self.clear()
        found = self[normalised] = _is_ordinary(normalised.decode("utf-8", "surrogatepass"))
        return found


_ordinary = _Ordinary()


def _size(record: Record) -> int:
    message = record.message
    return len(message) if message.isascii() else len(message.encode("utf-8", "surrogatepass"))

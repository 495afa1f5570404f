"""The joiner: groups the records of one event into a block, also when streams interleave; text and gist of a block."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cali.core.errors import Misconfigured
from cali.core.models import Block, Record
from cali.stages.join.grammar import Shape, following, opening
from cali.stages.join.line_patterns import FRAMES, SUSPECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_suspect = SUSPECT.match
_new = tuple.__new__  # half the time of Block(...), which calls a Python function
_PAGE = 12  # bits: a record counts once plus once per 4 KiB, so that `gap` also bounds memory
_MEMO = 16_384  # maximum cached lines, each of at most 1 KB
_HOLD = 8  # times `gap` records after which even a growing block is released
_CAP = 2048  # maximum characters of a gist that is the whole text: enough to distinguish two documents
_SCAN = 600  # maximum lines scanned; a block holds fewer

_NAME = r"(?:[A-Za-z_][\w$]*[.+])*[\w$]*"
# A line that names an exception, after any prefix of the runtime. Group 1 is the exception and its message.
_EXCEPTION = re.compile(
    r"\s*(?:\| )?(?:Caused by: |Suppressed: |Wrapped by: |---> |\[cause\]: |Next |Uncaught |Unhandled exception\. )?"
    r"\[?(" + _NAME + r"(?:Exception|Error|Throwable|Failure|Fault|Warning|Exit|Interrupt|Group|Rejection)"
    r"(?:`\d+)?(?: \[\w+\])?(?:: .*|:?\s*$))"
)
_LINK = re.compile(r"Caused by: |\s+---> |\s+\[cause\]: |Next ")
_SIDE = re.compile(r"\s+(?:Suppressed|Caused by): ")  # indented, so not part of the chain of causes
_NATIVE = re.compile(r"\[signal SIG|fatal error: ")  # Go writes these lines below the head
_FIELD = re.compile(r"(?:.*[\s\]])?(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION):  ")
_SKIPPED_HEAD = re.compile(
    r"\s*(?:\+ )?(?:Exception Group )?Traceback \(most recent call last\):\s*$"
    r"|(?:(?:file://)?/\S*|node:\S+|[A-Z]:\\\S*):\d+$|\s+File \""
)
_CHAINED = re.compile(r"During handling of the above|The above exception was")
_GOROUTINE = re.compile(r"goroutine \d+ |stack backtrace:|Stack trace:|\[stacktrace\]|" + r"\S+\.rb:\d+:in ")


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
    """The open block of one stream. `shape` is None while the block is one ordinary line."""

    __slots__ = ("block", "first_count", "last_count", "shape", "size")

    def __init__(self, block: list[Record], shape: Shape | None, count: int) -> None:
        self.block = block
        self.shape = shape
        self.size = 0  # bytes, counted from the second record on
        self.last_count = self.first_count = count


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
        for block in pending:
            self._resume(block)

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
            if stream is not None and stream.block is records:
                del self._streams[records[0].stream]
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
        elif not self._joins(stream, record):
            stream.block, stream.shape, stream.size = [record], _shape(record), 0
            stream.first_count = self._count
            self._queue.append(stream.block)
        stream.last_count = self._count
        return self._drain([])

    def _joins(self, stream: _OpenStream, record: Record) -> bool:
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
            if stream is not None and stream.block is front:
                self._due = min(stream.last_count + gap, stream.first_count + gap * _HOLD)
                if count <= self._due:
                    break
                del streams[name]
            queue.popleft()
            out.append(_new(Block, (tuple(front),)))
        return out

    def _resume(self, block: Block) -> None:
        """Restore an open block. Its shape is computed from its records."""
        records = list(block.records)
        if not records:
            return
        shape = _shape(records[0])
        size = _size(records[0])
        for last, record in pairwise(records):
            shape = following(shape or opening(records[0]), (records[0], last), record) or shape
            size += _size(record)
        stream = self._streams[records[0].stream] = _OpenStream(records, shape, 0)
        stream.size = size
        self._queue.append(records)


def _shape(record: Record) -> Shape | None:
    return None if _is_ordinary(record.message) and not record.partial else opening(record)


def _is_ordinary(message: str) -> bool:
    """Return True if a line neither opens a block of several lines nor continues an ordinary line."""
    return _suspect(message) is None and ":  " not in message and message[-1:] != ":"


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


def text(block: Block) -> str:
    """Return the text of a log call: lines joined by newlines, pieces of a cut line without one."""
    records = block.records
    if len(records) == 1:
        return records[0].message
    parts: list[str] = []
    for record in records:
        parts.append(record.message)
        parts.append("" if record.partial else "\n")
    return "".join(parts[:-1])


def gist(text: str) -> str:
    """Return the text from which the template is made.

    The gist of one line is that line. The gist of a trace is the head, the outermost exception and the root exception,
    without frames. The gist of any other block is its text on one line, cut to a bounded length.
    """
    if "\n" not in text:
        return text
    lines = text.split("\n", _SCAN)[:_SCAN]
    if _is_trace(lines):
        return _of_trace(lines)
    # Cut a Postgres error before its fields: the failed statement would give each error its own template.
    field = next((place for place, line in enumerate(lines) if place and _FIELD.match(line)), None)
    if field is not None and (error := _flat(lines[:field])):
        return error
    return _flat(lines)


def _flat(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())[:_CAP]


def _is_trace(lines: list[str]) -> bool:
    if _SKIPPED_HEAD.match(lines[0]) or lines[0].startswith(("panic: ", "fatal error: ", "thread '")):
        return True
    return any(
        _GOROUTINE.match(line) or _LINK.match(line) or any(frame.match(line) for frame, _ in FRAMES)
        for line in lines
    )


def _of_trace(lines: list[str]) -> str:
    head = None if _SKIPPED_HEAD.match(lines[0]) else lines[0]
    if head is not None and "panicked at" in head and head.endswith(":") and len(lines) > 1:
        return f"{head}\n{lines[1]}"
    named = _exceptions(lines[1:] if head is not None else lines)
    parts = [] if head is None else [head]
    ends = named[:1] + named[1:][-1:]
    if head is not None and ends and ends[0].is_cause:
        ends = ends[-1:]  # the head already names the outermost exception
    for name, _ in ends:
        if not any(name in line for line in parts):
            parts.append(name)
    return "\n".join(parts) or next((line.strip() for line in reversed(lines) if line.strip()), "")


class _NamedException(NamedTuple):
    name: str
    is_cause: bool = False  # the trace marks it as the cause of the exception above it


def _exceptions(lines: list[str]) -> list[_NamedException]:
    """Return the exceptions that a trace names, in order.

    The first and the last are the ends of the chain of causes. The runtime determines which end is the root, so both count.
    """
    found: list[_NamedException] = []
    code = False  # the previous line is a Python frame, so an indented line is its source code
    in_python = False  # a Python frame followed the last exception
    for line in lines:
        is_frame = line.lstrip(" |").startswith('File "')
        if is_frame or (code and line[:1].isspace()):
            code, in_python = is_frame, True
            continue
        code = False
        if _NATIVE.match(line):
            found.append(_NamedException(line))
        elif not _SIDE.match(line) and (match := _EXCEPTION.match(line)):
            name = match[1].rstrip(" {")  # Node opens its properties on the same line
            found.append(
                _NamedException(name if "[" in name else name.rstrip("]"), _LINK.match(line) is not None)
            )
            in_python = False
        elif in_python and not line[:1].isspace() and not _CHAINED.match(line) and line:
            found.append(
                _NamedException(line)
            )  # an exception without a telling suffix, such as "mypkg.Halt: x"
            in_python = False
    return found

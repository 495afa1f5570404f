"""Rules that decide whether a line continues a block: pure functions over the tables in line_patterns.py."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Severity
from cali.stages.join.line_patterns import (
    ADOPTED,
    CALM,
    CAUSE,
    CONTINUES,
    EXCEPTION_NAME,
    FRAMES,
    LOGGED,
    OPENINGS,
    POSTGRES_FIELD,
    POSTGRES_PID,
    QUALIFIED,
    ROWS,
    TITLE,
    TROUBLE,
    Row,
    TraceFormat,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import Record

_PLAIN = (TraceFormat.PLAIN, TraceFormat.TEXT, TraceFormat.ANNOUNCED)
_BEFORE_FRAMES = (TraceFormat.HEAD, TraceFormat.HEAD_TEXT)
_NODE = (TraceFormat.NODE_SOURCE, TraceFormat.NODE_CODE)
_FREE_TEXT = (TraceFormat.HEAD_TEXT, TraceFormat.STARTUP_TEXT)
_MESSAGES = (TraceFormat.HEAD, TraceFormat.PYTHON_END)  # formats right after the first line of a message
_FREE_LINES = 30  # maximum lines of a block that free text continues; real messages are shorter
_FEW_LINES = 8  # the same for a Python warning, which nothing but its source line ends
_TRACE_WAITS = 16  # blocks of other writers between two lines of a trace
_HEAD_WAITS = 4  # ... between a log line and its trace
_QUOTED = 16  # characters of a message that a log line must quote
_ONE_CALL = 0.002  # seconds between two lines that one call wrote, if a collector gives each a time
_HEAD = 400  # maximum searched characters of a head


class Shape(NamedTuple):
    """The state of an open block that decides whether the next line continues it."""

    fmt: TraceFormat
    depth: int  # open brackets at the ends of lines


class Resumption(IntEnum):
    """Whether a record continues an interrupted block: if POSSIBLE, only if the interrupting block refuses it."""

    NONE = 0
    POSSIBLE = 1
    CERTAIN = 2


def opening(record: Record) -> Shape:
    """Return the shape of a new block that holds only this record."""
    message = record.message
    fmt = _first(OPENINGS, message)
    if fmt is None:
        fmt = TraceFormat.ANNOUNCED if _announces(record) else TraceFormat.PLAIN
    return Shape(fmt, max(0, _nesting(record)))


def following(shape: Shape, block: Sequence[Record], record: Record) -> Shape | None:
    """Return the shape of the block with this record added, or None if the record starts a new event."""
    if block[-1].partial:
        return _grown(shape, shape.fmt, record)
    message, head = record.message, block[0]
    frame = _first(FRAMES, message)
    if frame is not None:
        return _grown(shape, _after_frame(shape.fmt, frame), record)
    if shape.fmt is not TraceFormat.PYTHON_END and ":  " in message and POSTGRES_FIELD.match(message):
        return Shape(TraceFormat.POSTGRES, 0) if _owns_field(shape, head, message) else None
    if same_call(block, record):
        return _grown(shape, TraceFormat.TEXT if shape.fmt in _PLAIN else shape.fmt, record)
    repeated = record.severity is not None
    if repeated and not _repeats_header(block[-1], record):
        return None
    if record.time is not None and head.time is None:
        return None
    fmt = _first(CONTINUES.get(shape.fmt, ()), message)
    if fmt is None:
        fmt = (
            _indented(shape, head, message)
            if message[:1] in (" ", "\t")
            else _unindented(shape, head, message, repeated=repeated)
        )
    if fmt is None and not repeated and _is_free_text(shape.fmt, block, message):
        fmt = shape.fmt
    return None if fmt is None else _grown(shape, fmt, record)


def awaits(shape: Shape, block: Sequence[Record]) -> int:
    """Return for how many other blocks of its stream an interrupted block waits for its rest: 0 if it is complete.

    A trace has more lines. A line of severity `warning` or higher may be the head of a trace.
    """
    if block[-1].partial or shape.fmt in (TraceFormat.TEXT, TraceFormat.CLOSED):
        return 0
    if shape.fmt in _PLAIN:
        severity = block[0].severity
        return _HEAD_WAITS if severity is not None and severity >= Severity.WARNING else 0
    return _TRACE_WAITS


def has_header(record: Record, other: Record) -> bool:
    """Return True if a logger wrote this line as the first of an event, and not as a line like the other one."""
    return record.severity is not None or (record.time is not None and other.time is None)


def resumption(
    shape: Shape, block: Sequence[Record], record: Record, between: Shape, interrupting: Sequence[Record]
) -> Resumption:
    """Return whether a record continues a block although a block of another writer came between.

    The interrupting block must be one line with a logger's header: a line without one may be the head of a trace.
    The record must be a frame of the same runtime, or a line that nothing but a trace contains. Free text and indented
    text are too ambiguous, except inside a Python traceback, an SQL statement or an open bracket.
    """
    head = interrupting[0]
    if (
        between.fmt not in (*_PLAIN, TraceFormat.CLOSED)
        or len(interrupting) > 1
        or not has_header(head, record)
    ):
        return Resumption.NONE
    message = record.message
    calm = Resumption.POSSIBLE if _troubled(head) else Resumption.CERTAIN
    frame = _first(FRAMES, message)
    if frame is not None:
        if shape.fmt not in (frame, *_PLAIN, *_BEFORE_FRAMES, *_NODE):
            return Resumption.NONE
        inside = shape.fmt not in _PLAIN and not _may_own(head, message)
        return Resumption.CERTAIN if inside else calm
    if record.severity is not None and not _repeats_header(block[-1], record):
        return Resumption.NONE
    if message[:1] in (" ", "\t"):
        if _is_inside(shape, block, message):
            return Resumption.CERTAIN
        return calm if shape.depth > between.depth else Resumption.NONE
    if ":  " in message and POSTGRES_FIELD.match(message):
        return calm
    if shape.fmt in _PLAIN:
        if _first(ADOPTED, message) is None:
            return Resumption.NONE
        return Resumption.CERTAIN if _announced(block[0].message, message) else calm
    if not _is_telling(shape.fmt, message):
        return Resumption.NONE
    ambiguous = between.fmt is TraceFormat.ANNOUNCED or _first(ADOPTED, message) is not None
    return calm if ambiguous and not CAUSE.match(message) else Resumption.CERTAIN


def _is_telling(fmt: TraceFormat, message: str) -> bool:
    """Return True if an unindented line can only be part of a trace in this format."""
    if fmt is TraceFormat.GO and "(" not in message and " " not in message:
        return False  # the bare name of a function can be any word
    if fmt is TraceFormat.TRACE and _first(OPENINGS, message) is not None:
        return False  # another exception
    return _first(CONTINUES.get(fmt, ()), message) is not None


def _may_own(head: Record, frame: str) -> bool:
    """Return True if a log line can be the head of a frame: it names an exception, Java's with its package."""
    if frame.startswith("\tat "):
        return QUALIFIED.search(head.message) is not None
    start = frame.lstrip()
    if start.startswith("at "):
        return EXCEPTION_NAME.search(head.message) is not None
    return not start.startswith("File ")  # a traceback has a first line of its own


def _is_inside(shape: Shape, block: Sequence[Record], message: str) -> bool:
    """Return True if an indented line belongs to the unfinished part of an interrupted block."""
    if shape.fmt is TraceFormat.PYTHON:
        return True
    if shape.fmt is TraceFormat.POSTGRES:
        last = block[-1].message
        return "STATEMENT:  " in last or "QUERY:  " in last or last[:1] in (" ", "\t")
    return shape.fmt is TraceFormat.NODE_SOURCE or (shape.fmt in _NODE and not message.strip(" ^~\t"))


def _announced(head: str, exception: str) -> bool:
    """Return True if a log line quotes the exception, by its name or by its message."""
    name, _, text = exception.partition(": ")
    return name in head or (len(text) > _QUOTED and text[:_QUOTED] in head)


def same_call(block: Sequence[Record], record: Record) -> bool:
    """Return True if a logger repeated the header of a troubled head on this line: same severity and microsecond.

    A head that ends with a colon announces text, so two milliseconds are enough for it.
    """
    head, severity, time = block[0], record.severity, record.time
    if severity is None or severity < Severity.WARNING or severity is not head.severity:
        return False
    if time is None or head.time is None:
        return False
    if time == head.time:
        # A line that repeats the head's text was logged by another call.
        return round(time * 1e6) % 1000 != 0 and record.message != head.message
    return len(block) == 1 and 0 <= time - head.time < _ONE_CALL and head.message[-1:] == ":"


def _repeats_header(last: Record, record: Record) -> bool:
    """Return True if a record may be a line of the same event although a logger wrote a header before it."""
    severity, time = record.severity, record.time
    if severity is None or severity is not last.severity or severity < Severity.WARNING:
        return False
    return time is None or last.time is None or abs(time - last.time) < _ONE_CALL


def _first(rows: Sequence[Row], message: str) -> TraceFormat | None:
    for pattern, fmt in rows:
        if pattern.match(message):
            return fmt
    return None


def _after_frame(now: TraceFormat, frame: TraceFormat) -> TraceFormat:
    """Return the format after a frame: the block's format, else the frame's. A Python frame reopens a traceback."""
    if now in _PLAIN or now in _BEFORE_FRAMES or now is TraceFormat.CLOSED or frame is TraceFormat.PYTHON:
        return frame
    return TraceFormat.TRACE if now is TraceFormat.NODE_CODE and frame is TraceFormat.TRACE else now


def _indented(shape: Shape, head: Record, message: str) -> TraceFormat | None:
    fmt = shape.fmt
    if fmt is TraceFormat.PYTHON or shape.depth:
        return fmt
    if fmt is TraceFormat.WARNED:
        return TraceFormat.CLOSED  # the source line, which ends a Python warning
    if fmt is TraceFormat.CLOSED or ROWS.match(message):
        return None
    if fmt in _PLAIN:
        return TraceFormat.TEXT if _logged(head) and not _stands_alone(head, message) else None
    return fmt


def _stands_alone(head: Record, message: str) -> bool:
    """Return True if an indented line is a separate event.

    That is so if a logger wrote it, or if it reports trouble and its head does not.
    """
    if TITLE.match(head.message):
        return False
    line = message.lstrip()
    return LOGGED.match(line) is not None or (
        TROUBLE.search(line[:_HEAD]) is not None and not _troubled(head)
    )


def _unindented(shape: Shape, head: Record, message: str, *, repeated: bool) -> TraceFormat | None:
    if shape.depth and shape.fmt is not TraceFormat.PYTHON and message[:1] in ("}", "]", ")"):
        return shape.fmt
    if shape.fmt in _PLAIN:
        adopted = _first(ADOPTED, message)
        if adopted is not None and (
            _troubled(head) or (head.severity is None and message.startswith("goroutine "))
        ):
            return adopted
    if repeated:
        return None
    return TraceFormat.TEXT if shape.fmt is TraceFormat.ANNOUNCED and not LOGGED.match(message) else None


def _is_free_text(fmt: TraceFormat, block: Sequence[Record], message: str) -> bool:
    """Return True if an unindented line is part of the message of an exception, a warning or a report."""
    if fmt is TraceFormat.ERLANG:
        return len(block) == 1 and block[0].message[:1] == "="
    if LOGGED.match(message):
        return False
    if fmt in _FREE_TEXT:
        return len(block) < _FREE_LINES
    if fmt is TraceFormat.WARNED:
        return len(block) < _FEW_LINES and TROUBLE.search(message[:_HEAD]) is None
    if fmt in _MESSAGES and _first(OPENINGS, message) is None:
        if CAUSE.match(block[-1].message):
            return True
        # Below a logger's header a line without one belongs to the event.
        return block[0].severity is not None and len(block) < _FREE_LINES
    return False


def _announces(head: Record) -> bool:
    """Return True if a head reports trouble and ends with a colon: `closing AMQP connection <...>:`."""
    return head.message.endswith(":") and _logged(head) and _troubled(head)


def _logged(head: Record) -> bool:
    if head.severity is not None:
        return True
    if head.message[:1].isspace():
        return False
    return head.time is not None or LOGGED.match(head.message) is not None


def _troubled(head: Record) -> bool:
    if head.severity is not None:
        return head.severity >= Severity.WARNING
    start = head.message[:_HEAD]
    return CALM.match(start) is None and TROUBLE.search(start) is not None


def _owns_field(shape: Shape, head: Record, message: str) -> bool:
    """Return True if a Postgres field belongs to this head.

    Decode may have removed "[72] ERROR:  " from the head, so the severity is checked instead.
    """
    if shape.fmt is not TraceFormat.POSTGRES and (shape.fmt not in _PLAIN or head.severity is None):
        return False
    one, other = POSTGRES_PID.search(head.message), POSTGRES_PID.search(message)
    return one is None or other is None or one[1] == other[1]


def _nesting(record: Record) -> int:
    """Return opening brackets at the line's end minus closing ones at its start: enough for pretty-printed data."""
    message = record.message.strip()
    closed = len(message) - len(message.lstrip("}])"))
    if record.partial:
        return -closed
    return len(message) - len(message.rstrip("{[(")) - closed


def _grown(shape: Shape, fmt: TraceFormat, record: Record) -> Shape:
    depth = max(0, shape.depth + _nesting(record))
    if fmt in _PLAIN and shape.depth and not depth:
        fmt = TraceFormat.CLOSED
    return Shape(fmt, depth)

"""Rules that decide whether a line continues a block: pure functions over the tables in line_patterns.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Severity
from cali.stages.join.line_patterns import (
    ADOPTED,
    CALM,
    CONTINUES,
    FRAMES,
    LOGGED,
    OPENINGS,
    POSTGRES_FIELD,
    POSTGRES_PID,
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
_FREE_TEXT = (TraceFormat.HEAD_TEXT, TraceFormat.STARTUP_TEXT)
_FREE_LINES = 30  # maximum lines of free text in a block; real messages are shorter
_HEAD = 400  # maximum searched characters of a head


class Shape(NamedTuple):
    """The state of an open block that decides whether the next line continues it."""

    fmt: TraceFormat
    depth: int  # open brackets at the ends of lines


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
    message = record.message
    frame = _first(FRAMES, message)
    if frame is not None:
        return _grown(shape, _after_frame(shape.fmt, frame), record)
    if shape.fmt is not TraceFormat.PYTHON_END and ":  " in message and POSTGRES_FIELD.match(message):
        return Shape(TraceFormat.POSTGRES, 0) if _owns_field(shape, block[0], message) else None
    if record.severity is not None or (record.time is not None and block[0].time is None):
        return None
    fmt = _first(CONTINUES.get(shape.fmt, ()), message)
    if fmt is None:
        fmt = (
            _indented(shape, block[0], message)
            if message[:1] in (" ", "\t")
            else _unindented(shape, block[0], message)
        )
    if fmt is None and shape.fmt in _FREE_TEXT and len(block) < _FREE_LINES and not LOGGED.match(message):
        fmt = shape.fmt
    return None if fmt is None else _grown(shape, fmt, record)


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


def _unindented(shape: Shape, head: Record, message: str) -> TraceFormat | None:
    if shape.depth and shape.fmt is not TraceFormat.PYTHON and message[:1] in ("}", "]", ")"):
        return shape.fmt
    if shape.fmt in _PLAIN and (adopted := _first(ADOPTED, message)) is not None and _troubled(head):
        return adopted
    return TraceFormat.TEXT if shape.fmt is TraceFormat.ANNOUNCED and not LOGGED.match(message) else None


def _announces(head: Record) -> bool:
    """Return True if a head reports trouble and ends with a colon: `closing AMQP connection <...>:`."""
    return head.message.endswith(":") and _logged(head) and _troubled(head)


def _logged(head: Record) -> bool:
    if head.message[:1].isspace():
        return False
    return head.severity is not None or head.time is not None or LOGGED.match(head.message) is not None


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

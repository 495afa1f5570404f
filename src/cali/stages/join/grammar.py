"""Which line continues which block: pure functions over the tables in lines.py."""

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
    Form,
    Row,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import Record

_PLAIN_FORMS = (Form.PLAIN, Form.TEXT, Form.ANNOUNCED)
_BEFORE_FRAMES = (Form.HEAD, Form.HEAD_TEXT)
_FREE_TEXT = (Form.HEAD_TEXT, Form.STARTUP_TEXT)
_FREE_LINES = 30  # lines of a block that may hold free text: messages that explain themselves are shorter
_HEAD = 400  # characters of a head in which words are looked for


class Shape(NamedTuple):
    """What a block is so far, as far as the next line needs to know it."""

    form: Form
    depth: int  # brackets opened at the ends of lines and not closed yet


def opening(record: Record) -> Shape:
    """The shape of a block that holds only this record."""
    message = record.message
    form = _first(OPENINGS, message)
    if form is None:
        form = Form.ANNOUNCED if _announces(record) else Form.PLAIN
    return Shape(form, max(0, _nesting(record)))


def following(shape: Shape, block: Sequence[Record], record: Record) -> Shape | None:
    """The shape of the block once it holds this record too, or None when the record starts an event of its own."""
    if block[-1].partial:
        return _grown(shape, shape.form, record)
    message = record.message
    frame = _first(FRAMES, message)
    if frame is not None:
        return _grown(shape, _after_frame(shape.form, frame), record)
    if shape.form is not Form.PYTHON_END and ":  " in message and POSTGRES_FIELD.match(message):
        return Shape(Form.POSTGRES, 0) if _owns_field(shape, block[0], message) else None
    if record.severity is not None or (record.time is not None and block[0].time is None):
        return None
    form = _first(CONTINUES.get(shape.form, ()), message)
    if form is None:
        form = (
            _indented(shape, block[0], message)
            if message[:1] in (" ", "\t")
            else _unindented(shape, block[0], message)
        )
    if form is None and shape.form in _FREE_TEXT and len(block) < _FREE_LINES and not LOGGED.match(message):
        form = shape.form
    return None if form is None else _grown(shape, form, record)


def _first(rows: Sequence[Row], message: str) -> Form | None:
    for pattern, form in rows:
        if pattern.match(message):
            return form
    return None


def _after_frame(now: Form, frame: Form) -> Form:
    """A frame tells what the block is, unless that is known. Python is told again: a frame reopens a traceback."""
    if now in _PLAIN_FORMS or now in _BEFORE_FRAMES or now is Form.DONE or frame is Form.PYTHON:
        return frame
    return Form.TRACE if now is Form.NODE_CODE and frame is Form.TRACE else now


def _indented(shape: Shape, head: Record, message: str) -> Form | None:
    form = shape.form
    if form is Form.PYTHON or shape.depth:
        return form
    if form is Form.DONE or ROWS.match(message):
        return None
    if form in _PLAIN_FORMS:
        return Form.TEXT if _logged(head) and not _stands_alone(head, message) else None
    return form


def _stands_alone(head: Record, message: str) -> bool:
    """Whether an indented line is no continuation: a logger wrote it, or it tells of trouble that its head does not."""
    if TITLE.match(head.message):
        return False
    line = message.lstrip()
    return LOGGED.match(line) is not None or (
        TROUBLE.search(line[:_HEAD]) is not None and not _troubled(head)
    )


def _unindented(shape: Shape, head: Record, message: str) -> Form | None:
    if shape.depth and shape.form is not Form.PYTHON and message[:1] in ("}", "]", ")"):
        return shape.form
    if shape.form in _PLAIN_FORMS and (adopted := _first(ADOPTED, message)) is not None and _troubled(head):
        return adopted
    return Form.TEXT if shape.form is Form.ANNOUNCED and not LOGGED.match(message) else None


def _announces(head: Record) -> bool:
    """Whether a logged head tells of trouble and says that the reason follows: `closing AMQP connection <...>:`."""
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
    """Decode may have taken "[72] ERROR:  " off the head: then its severity is all that is left of it."""
    if shape.form is not Form.POSTGRES and (shape.form not in _PLAIN_FORMS or head.severity is None):
        return False
    one, other = POSTGRES_PID.search(head.message), POSTGRES_PID.search(message)
    return one is None or other is None or one[1] == other[1]


def _nesting(record: Record) -> int:
    """Brackets that end the line, less those it starts with: all that pretty-printing needs, strings left unread."""
    message = record.message.strip()
    closed = len(message) - len(message.lstrip("}])"))
    if record.partial:
        return -closed
    return len(message) - len(message.rstrip("{[(")) - closed


def _grown(shape: Shape, form: Form, record: Record) -> Shape:
    depth = max(0, shape.depth + _nesting(record))
    if form in _PLAIN_FORMS and shape.depth and not depth:
        form = Form.DONE
    return Shape(form, depth)

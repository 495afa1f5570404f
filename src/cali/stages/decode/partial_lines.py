"""Reassembly of lines that a container runtime cut (CRI and Docker cut at 16 KiB), before they are decoded.

A level, a time or an object can cross the cut, so a single piece cannot be decoded. A very long line is returned in
parts, and so is a line that the end of the input cuts. The joiner reassembles those.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cali.core.models import Record, Scope
    from cali.stages.decode.jsonlog import KeyPlan

LINE = 48 * 1024
"""Bytes after which an unfinished line is returned. With one more piece of 16 KiB it fills the message limit."""

OBJECT = 512 * 1024
"""The same limit for a line that begins like a JSON object. Half an object cannot be parsed."""

STREAMS = 64
"""Maximum number of open cut lines. With `OBJECT` this bounds the memory."""

GAP = 1000
"""Input lines after which a cut line expires if no piece followed. The joiner uses the same limit."""

SECONDS = 5.0
"""Maximum seconds between two pieces of one line."""

_CRI = re.compile(
    rb"(?P<head>\d\S* (?P<out>stdout|stderr) )(?P<part>[FP])(?::\w+)?(?: (?P<rest>.*))?\Z", re.DOTALL
)
_TRUE = ("P", "true", True)
_MARKS = ("logtag", "_p", "partial_message")


class Piece(NamedTuple):
    """The part of a cut line that one collected line holds; it may be the whole line.

    `head` precedes `text`. If the collected line is an object, its member `key` holds both.
    """

    stream: str
    head: bytes
    text: bytes
    cut: bool  # more of the line follows
    doc: dict[str, Any] | None = None
    key: str = ""


@dataclass(slots=True)
class OpenLine:
    """A line that is being reassembled. With `begun`, its beginning was already returned and the rest is plain text."""

    first: Piece
    line: int
    scope: Scope
    time: float | None
    begun: bool = False
    partial: bool = True  # the last piece is missing
    count: int = 0
    last: int = 0  # the line number of its latest piece
    text: bytearray = field(default_factory=bytearray)

    def whole(self) -> bytes | dict[str, Any]:
        """Return the collected line as if it had not been cut."""
        _, head, _, _, doc, key = self.first
        whole = head + self.text
        if doc is None:
            return whole
        # Docker ends a complete line with a newline. The marks of a cut no longer apply.
        marks = {tag: "F" for tag in _MARKS if tag in doc}
        return {**doc, key: whole.decode(errors="replace") + "\n", **marks}


def from_text(raw: bytes) -> Piece | None:
    """Return the piece in a CRI line, or None for any other line."""
    match = _CRI.match(raw)
    if match is None:
        return None
    return Piece(match["out"].decode(), match["head"] + b"F ", match["rest"] or b"", match["part"] == b"P")


def from_object(doc: dict[str, Any], where: KeyPlan, stream: str) -> Piece | None:
    """Return the piece in an envelope of Docker or Fluent Bit. `stream` is the envelope's stream."""
    if not where.raw or not where.message:
        return None
    key = where.message[0]
    if doc[key].__class__ is not str:
        return None
    text = doc[key].encode(errors="replace")
    inner = from_text(text.rstrip(b"\n"))
    if inner is not None:
        return inner._replace(stream=stream or inner.stream, doc=doc, key=key)
    cut = (where.docker and text[-1:] != b"\n") or any(doc[tag] in _TRUE for tag in where.tags)
    if doc.get("partial_last") in _TRUE:
        cut = False
    return Piece(stream, b"", text.rstrip(b"\r\n"), cut, doc, key)


class Pieces:
    """The open lines, by stream. Partial records in `begun` were already returned in part.

    `OBJECT` bounds the bytes of a line, `STREAMS` the number of lines. Expired lines stay in `overdue` until the caller
    takes them.
    """

    def __init__(self, begun: Iterable[Record] = ()) -> None:
        self._open: dict[str, OpenLine] = {}  # the longest-waiting line first
        self._begun: dict[str, tuple[Scope, float | None]] = {}
        for record in begun:
            if record.partial:
                self._begun[record.stream] = (record.scope, record.time)
        self._count = 0
        self.overdue: deque[OpenLine] = deque()

    def __bool__(self) -> bool:
        return bool(self._open or self._begun)

    def count_line(self) -> None:
        """Count a line of the input and expire lines that have waited too long."""
        self._count += 1
        while self._open:
            stream, oldest = next(iter(self._open.items()))
            if self._count - oldest.count <= GAP:
                return
            self._give_up(self._open.pop(stream))
        if self._count > GAP:
            self._begun.clear()

    def add(self, piece: Piece, line: int, scope: Scope, time: float | None) -> OpenLine | Piece | None:
        """Return the line that this piece ends or fills, or the piece itself if it is a whole line.

        Return None if more pieces are expected.
        """
        stream = piece.stream
        known = self._open.pop(stream, None)
        if known is not None and known.time is not None and time is not None and time - known.time > SECONDS:
            self._give_up(known)
            known = None
        if known is None and stream in self._begun:
            known = OpenLine(piece, line, *self._begun.pop(stream), begun=True)
        if known is None:
            if not piece.cut:
                return piece
            known = OpenLine(piece, line, scope, time)
        known.text += piece.text
        known.time = time if time is not None else known.time
        known.count, known.last, known.partial = self._count, line, piece.cut
        if not piece.cut:
            return known
        full = len(known.text) >= _limit(known)
        self._open[stream] = (
            OpenLine(piece, line, known.scope, time, True, count=self._count, last=line) if full else known
        )
        if len(self._open) > STREAMS:
            self._give_up(self._open.pop(next(iter(self._open))))
        return known if full else None

    def rest(self, before: int | None) -> list[OpenLine]:
        """Remove and return the open lines: all, or those without a piece after line `before`."""
        left = list(self.overdue)
        self.overdue.clear()
        for stream, known in list(self._open.items()):
            if before is None or known.last <= before:
                left.append(self._open.pop(stream))
        if before is None:
            self._begun.clear()
        return left

    def _give_up(self, known: OpenLine) -> None:
        known.partial = False  # the next piece belongs to another line, so no rest is expected
        self.overdue.append(known)


def _limit(known: OpenLine) -> int:
    return OBJECT if known.text[:1] == b"{" and not known.begun else LINE

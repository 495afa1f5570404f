"""Lines that a container runtime cut (CRI and Docker do at 16 KiB), put together before they are decoded.

A level, a time or an object may stand on either side of the cut, so a piece by itself cannot be decoded. A very long line,
and one that the end of the input cuts, are returned in parts: the joiner puts those together.
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
"""Bytes after which a line is returned though it goes on: with one more piece of 16 KiB, as much as a message keeps."""

OBJECT = 512 * 1024
"""The same limit for a line that begins like a JSON object: half an object cannot be parsed."""

STREAMS = 64
"""Cut lines that are open at once. With `OBJECT` this bounds the memory."""

GAP = 1000
"""Lines of the whole input after which the rest of a line is not awaited any more, as in the joiner."""

SECONDS = 5.0
"""Seconds between two pieces of one line, for the same reason."""

_CRI = re.compile(
    rb"(?P<head>\d\S* (?P<out>stdout|stderr) )(?P<part>[FP])(?::\w+)?(?: (?P<rest>.*))?\Z", re.DOTALL
)
_TRUE = ("P", "true", True)
_MARKS = ("logtag", "_p", "partial_message")


class Piece(NamedTuple):
    """The part of a possibly cut line that one collected line holds.

    `head` stands before `text`. If the collected line is an object, both are in its `key`.
    """

    stream: str
    head: bytes
    text: bytes
    cut: bool  # more of the line follows
    doc: dict[str, Any] | None = None
    key: str = ""


@dataclass(slots=True)
class OpenLine:
    """A line that is being put together. With `begun`, its beginning was returned before: the rest is plain text."""

    first: Piece
    line: int
    scope: Scope
    time: float | None
    begun: bool = False
    partial: bool = True  # the end has not come
    count: int = 0
    last: int = 0  # the number of the line that its last piece came in
    text: bytearray = field(default_factory=bytearray)

    def whole(self) -> bytes | dict[str, Any]:
        """Return the collected line as it would be without the cut."""
        _, head, _, _, doc, key = self.first
        whole = head + self.text
        if doc is None:
            return whole
        # The newline ends a line of Docker's, and the marks of a cut are no longer true.
        marks = {tag: "F" for tag in _MARKS if tag in doc}
        return {**doc, key: whole.decode(errors="replace") + "\n", **marks}


def from_text(raw: bytes) -> Piece | None:
    """Return the piece in a CRI line; None for any other line."""
    match = _CRI.match(raw)
    if match is None:
        return None
    return Piece(match["out"].decode(), match["head"] + b"F ", match["rest"] or b"", match["part"] == b"P")


def from_object(doc: dict[str, Any], where: KeyPlan, stream: str) -> Piece | None:
    """Return the piece in an envelope of Docker or Fluent Bit; `stream` is the envelope's."""
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
    """Holds the open lines, by stream. The partial ones of `begun` were returned in part before.

    `OBJECT` bounds the bytes of a line, `STREAMS` the number of lines. Lines that waited too long are `overdue` until they
    are taken.
    """

    def __init__(self, begun: Iterable[Record] = ()) -> None:
        self._open: dict[str, OpenLine] = {}  # the one that waits longest first
        self._begun: dict[str, tuple[Scope, float | None]] = {}
        for record in begun:
            if record.partial:
                self._begun[record.stream] = (record.scope, record.time)
        self._count = 0
        self.overdue: deque[OpenLine] = deque()

    def __bool__(self) -> bool:
        return bool(self._open or self._begun)

    def count_line(self) -> None:
        """Count a line of the input, and give up lines that have waited too long."""
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

        None means that more is to come.
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
        """Remove and return the open lines: all, or those without a piece after the line `before`."""
        left = list(self.overdue)
        self.overdue.clear()
        for stream, known in list(self._open.items()):
            if before is None or known.last <= before:
                left.append(self._open.pop(stream))
        if before is None:
            self._begun.clear()
        return left

    def _give_up(self, known: OpenLine) -> None:
        known.partial = False  # its rest is not coming: what follows is another line
        self.overdue.append(known)


def _limit(known: OpenLine) -> int:
    return OBJECT if known.text[:1] == b"{" and not known.begun else LINE

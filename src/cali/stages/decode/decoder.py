"""The decoder: one physical line in, one record out.

Nearly all lines of a stream differ from an earlier one only in digits and ids. The layout of a text line is therefore
cached under the normalised line, and the plan of a JSON object under its keys.
"""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Any

from cali.core.models import Quarantined, Record, Scope, Severity
from cali.core.normalise import ZEROS, clean, normalise_ids, text_of
from cali.stages.decode.envelope import Envelopes, ShapeCache, split
from cali.stages.decode.jsonlog import (
    KeyPlan,
    ObjectText,
    envelope_text,
    is_cut,
    load,
    object_text,
    plan,
    special_text,
)
from cali.stages.decode.layout import Layout, complete, layout_of
from cali.stages.decode.partial_lines import OpenLine, Piece, Pieces, from_object, from_text
from cali.stages.decode.scope import LineOrigin, OriginResolver
from cali.stages.decode.values import TimestampParser, from_priority, from_status

if TYPE_CHECKING:
    from collections.abc import Iterable

MESSAGE_LIMIT = 64 * 1024
"""Maximum characters of a message. Longer messages are cut: neither a person nor a model can use more of one line."""

_MEMO_LINES = 16_384
_MEMO_LENGTH = 1024  # longer lines rarely repeat and would make the cache large
_NESTING = 3  # maximum nesting: an envelope, its line, and the line inside that one
_OBJECT = b"{"
_POD = b"[pod/"
_POD_NAME = re.compile(rb"pod/[\w.-]+/[\w.-]+").fullmatch
_new = tuple.__new__  # costs half as much as calling the named tuple; it runs for every line


class Decoder:
    """A parser that detects the format of each line, without configuration.

    `cluster` goes into every scope. `year` completes time stamps without a year (klog, syslog). Without `year`, such lines
    have no time. A decoder holds bounded caches, which change no result, and the pieces of lines that a runtime cut. A cut
    line is decoded once, with its last piece. Its line number is that of the first piece.
    """

    def __init__(self, cluster: str = "", *, year: int | None = None) -> None:
        self._nowhere = Scope(cluster)
        self._unknown = LineOrigin(self._nowhere, "")
        self._clock = TimestampParser(year)
        self._sources = OriginResolver(cluster)
        self._layouts: dict[bytes, Layout] = {}
        self._before_object: dict[bytes, Layout] = {}
        self._plans: dict[tuple[str, ...], KeyPlan] = {}
        self._envelopes = Envelopes(self._sources)
        self._shape_cache = ShapeCache(self._envelopes.ends, self._clock)
        self._known = self._shape_cache.read
        self._pieces = Pieces()
        self._cut = False  # the current line is a piece, or a cut line is open

    def apart(self, begun: Iterable[Record] = ()) -> Decoder:
        """Return a decoder that shares the caches, for another source or for the next part of this one.

        `begun` holds the last records of the previous part. If one is partial, the next line of its stream continues it.
        """
        other, pieces = copy(self), Pieces(begun)
        other._pieces, other._cut = pieces, bool(pieces)  # noqa: SLF001 - same class
        return other

    def decode(self, raw: bytes, line: int) -> Record | Quarantined | None:
        """Return the record of one line (without its newline), or Quarantined if the line is not text.

        Return None for a blank line and for a piece of an unfinished line.
        """
        if raw[:1] == _OBJECT and not self._cut:
            known = self._known(raw, line)
            if known is not None:
                return known
        if raw[:5] == _POD and (at := raw.find(b"] ")) > 0 and _POD_NAME(raw, 1, at):
            return self._from_pod(raw, at, line)
        record = self._line(raw, line)
        return self._pieced(record, raw, line) if self._cut else record

    def rest(self, before: int | None = None) -> list[Record | Quarantined]:
        """Return unfinished cut lines as partial records: all, or those without a piece since line `before`."""
        found = []
        for line in self._pieces.rest(before):
            record = self._ended(line)
            if record is not None:
                found.append(record)
        self._cut = bool(self._pieces)
        return found

    def _pieced(
        self, record: Record | Quarantined | None, raw: bytes, line: int
    ) -> Record | Quarantined | None:
        """Add this line to the pieces and return the completed record. `record` is the line decoded by itself."""
        piece, pieces = self._peeled(raw), self._pieces
        pieces.count_line()
        if piece is None:
            self._cut = bool(pieces)
            return record
        scope, time = (record.scope, record.time) if isinstance(record, Record) else (self._nowhere, None)
        found = pieces.add(piece, line, scope, time)
        if found is None and pieces.overdue:
            found = pieces.overdue.popleft()
        given = record if found is piece else self._ended(found) if isinstance(found, OpenLine) else None
        self._cut = bool(pieces)
        return given

    def _peeled(self, raw: bytes) -> Piece | None:
        if raw[:1] != _OBJECT:
            return from_text(raw)
        doc = load(raw)
        if not doc:
            return None
        where = self._plans.get(tuple(doc)) or self._plan(tuple(doc))
        return from_object(doc, where, self._envelope(doc, where)[1])

    def _ended(self, known: OpenLine) -> Record | Quarantined | None:
        """Return the record of a reassembled line. If its beginning was already returned, the rest is plain text."""
        if known.begun:
            if known.partial and not known.text:
                return None
            text = clean(known.text.decode(errors="replace"))
            return Record(known.line, text, known.time, None, known.scope, known.first.stream, known.partial)
        whole = known.whole()
        record = (
            self._line(whole, known.line) if isinstance(whole, bytes) else self._whole_object(whole, known)
        )
        return record._replace(partial=known.partial) if isinstance(record, Record) else record

    def _whole_object(self, doc: dict[str, Any], known: OpenLine) -> Record | None:
        return self._object(doc, bytes(known.text), known.line, 0)

    def _line(self, raw: bytes, line: int) -> Record | Quarantined | None:
        if raw[:1] == _OBJECT:
            if (parts := split(raw)) is not None:
                record = self._enveloped(*parts, line)
                if record is not None:
                    return record
            doc = load(raw)
            if doc is not None:
                return self._object(doc, raw, line, 0)
        elif raw[-1:] == b"}":
            at = raw.find(_OBJECT)
            layout = self._before_object.get(raw[:at].translate(ZEROS))
            if layout is not None:
                doc = load(raw[at:])
                if doc is not None:
                    return self._behind(raw[:at].decode(), layout, doc, raw[at:], line, 0)
        shape = raw.translate(ZEROS)
        layout = self._layouts.get(shape) or self._layouts.get(normalise_ids(shape))
        if layout is not None:
            return self._apply(raw.decode(), layout, line, 0)
        text = text_of(raw)
        if text is None:
            return Quarantined(line, "mostly control characters or bytes that are not UTF-8", raw)
        return self._unseen(text, line, 0)

    def _enveloped(self, members: bytes, metadata: bytes, line: int) -> Record | None:
        """Return the record of a line in a split envelope; None if the envelope must be parsed as a whole."""
        opened = self._envelopes.opened(members, metadata)
        if opened is None:
            return None
        head, where, text, scope, stream = opened
        time = self._time(head, where)
        if time is not None and text[0] != "{" and not (where.tags and is_cut(head, where)):
            inner_text = text.rstrip("\r\n")
            shape = inner_text.encode("utf-8", "replace").translate(ZEROS)
            layout = self._layouts.get(shape) or self._layouts.get(normalise_ids(shape))
            if layout is not None and layout.plain is not None:
                self._shape_cache.remember(members, where, inner_text, layout.plain)
                start, end, pieces, severity, status, normalised = layout.plain
                if status is not None:
                    severity = from_status(inner_text[status[0] : status[1]])
                message = " ".join([inner_text[a:b] for a, b in pieces]) if pieces else inner_text[start:end]
                return _new(Record, (line, message, time, severity, scope, stream, False, normalised))
            inner = (
                self._unseen(clean(inner_text), line, 1)
                if layout is None
                else self._apply(inner_text, layout, line, 1, timed=True)
            )
        else:
            if time is not None and text[0] == "{" and not where.tags:
                self._shape_cache.remember_object(members, where, text.rstrip("\r\n"))
            inner = self._text(text, line, 1, time is not None)
        content = ObjectText(text, "", None, "")
        return inner and self._collected(head, where, content, inner, time, scope, stream)

    def _from_pod(self, raw: bytes, at: int, line: int) -> Record | Quarantined | None:
        """Decode the line after kubectl's prefix separately, so that all pods share its cached layout."""
        inner = self._line(raw[at + 2 :], line)
        if inner is None or isinstance(inner, Quarantined):
            return inner and inner._replace(raw=raw)
        source = self._sources.prefix(raw[1:at].decode())
        _, message, time, severity, _, out, cut, normalised = inner
        stream = f"{source.stream}/{out}" if out else source.stream
        return _new(Record, (line, message, time, severity, source.scope, stream, cut, normalised))

    def _text(self, text: str, line: int, depth: int, timed: bool) -> Record | None:
        """Return the record of a line inside another. With `timed`, the outer line already supplies the time."""
        text = text.rstrip("\r\n")
        if text[:1] == "{" and depth < _NESTING and text.isprintable():
            doc = load(text)
            if doc is not None:
                return self._object(doc, text, line, depth + 1, timed)
        shape = text.encode(errors="replace").translate(ZEROS)
        layout = self._layouts.get(shape) or self._layouts.get(normalise_ids(shape))
        if layout is not None:
            return self._apply(text, layout, line, depth, timed=timed)
        return self._unseen(clean(text), line, depth)

    def _unseen(self, text: str, line: int, depth: int) -> Record | None:
        # The rules match the normalised line, so the layout is valid for all lines with this cache key.
        shape = normalise_ids(text.encode(errors="replace").translate(ZEROS))
        normalised = shape.decode()[:MESSAGE_LIMIT]
        layout = layout_of(normalised)
        if layout.special != "json" and len(text) <= _MEMO_LENGTH:
            if len(self._layouts) >= _MEMO_LINES:
                self._layouts.clear()
            layout = self._layouts[shape] = complete(layout, normalised)
        elif layout.start and layout.special == "json" and text.find("{") == layout.start:
            if len(self._before_object) >= _MEMO_LINES:
                self._before_object.clear()
            self._before_object[text[: layout.start].encode(errors="replace").translate(ZEROS)] = layout
        return self._apply(text, layout, line, depth)

    def _apply(
        self, text: str, layout: Layout, line: int, depth: int, *, timed: bool = False
    ) -> Record | None:
        """Return the record of a line with this layout. With `timed`, its own time is ignored."""
        (
            start,
            end,
            pieces,
            span,
            severity,
            status,
            priority,
            origin,
            space,
            out,
            partial,
            kind,
            normalised,
            _,
        ) = layout
        if kind:
            return self._special(text, layout, line, depth)
        if span is None or timed:
            time = None
        else:
            a, b, c, d, e = span
            time = self._clock.stamp(text[a:b], text[c:d], text[d:e])
        if status is not None:
            severity = from_status(text[status[0] : status[1]])
        elif priority is not None:
            severity = from_priority(text[priority[0] : priority[1]])
        if origin is None:
            scope, stream = self._nowhere, out
        else:
            scope, stream = self._origin(text, origin, space, out)
        if partial:
            self._cut = True
        if pieces:
            message = " ".join([text[a:b] for a, b in pieces])
        else:
            message = text[start:end] if start or end else text
        if len(message) > MESSAGE_LIMIT:
            message = message[:MESSAGE_LIMIT]
        return _new(Record, (line, message, time, severity, scope, stream, partial, normalised))

    def _origin(
        self, text: str, origin: tuple[int, int], space: tuple[int, int] | None, out: str
    ) -> tuple[Scope, str]:
        name = text[origin[0] : origin[1]]
        if space is not None:
            name = f"{text[space[0] : space[1]]} {name}"
        scope, stream = self._sources.prefix(name)
        return scope, f"{stream}/{out}" if out else stream

    def _special(self, text: str, layout: Layout, line: int, depth: int) -> Record | None:
        """Return the record of a JSON object after a header, or None for a blank line."""
        if layout.special == "blank":
            return None
        body = text[layout.start :]
        doc = load(body) if depth < _NESTING else None
        if doc is None:
            return self._apply(text, layout._replace(special=""), line, depth)
        return self._behind(text, layout, doc, body, line, depth)

    def _behind(
        self, text: str, layout: Layout, doc: dict[str, Any], body: bytes | str, line: int, depth: int
    ) -> Record | None:
        """Return the record of a JSON object after a header. The header's time and origin take precedence."""
        inner = self._object(doc, body, line, depth + 1)
        if inner is None or not layout.start:
            return inner
        header = self._apply(text, layout._replace(special=""), line, depth)
        return _over(header, inner, self._nowhere) if header else inner

    def _object(
        self, doc: dict[str, Any], raw: bytes | str, line: int, depth: int, timed: bool = False
    ) -> Record | None:
        """Return the record of a JSON object. With `timed`, the outer line already supplies the time."""
        keys = tuple(doc)
        where = self._plans.get(keys)
        if where is None:
            where = self._plan(keys)
        if where.bare:
            content = envelope_text(doc, where)
        else:
            content = (special_text(doc, where.kind) if where.kind else None) or object_text(doc, where)
        if where.pod or "stream" in doc:
            place, stream = self._envelope(doc, where)
        else:
            place, stream = self._nowhere, ""
        time = self._time(doc, where) if where.time and not timed else None
        text, more, severity, workload = content
        if not text:
            return self._unsaid(doc, raw, Record(line, "", time, severity, place, stream))
        if where.raw and depth < _NESTING:
            inner = self._text(text, line, depth + 1, timed or time is not None)
            if inner is None:
                return None
            return self._collected(doc, where, content, inner, time, place, stream)
        message = self._whole(text, more)
        if not message or message.isspace():
            return None
        scope = place
        if workload and not scope.workload:
            scope = self._sources.named(workload).scope
        return _new(Record, (line, message, time, severity, scope, stream, False, b""))

    def _envelope(self, doc: dict[str, Any], where: KeyPlan) -> tuple[Scope, str]:
        """Return the scope and the stream named in a JSON object."""
        source = self._unknown
        if where.pod and (metadata := doc["kubernetes"]).__class__ is dict:
            source = self._sources.pod(metadata)
        stream = doc.get("stream")
        stream = stream if stream.__class__ is str else ""
        if source.stream:
            stream = f"{source.stream}/{stream}" if stream else source.stream
        return source.scope, stream

    def _collected(
        self,
        doc: dict[str, Any],
        where: KeyPlan,
        content: ObjectText,
        inner: Record,
        time: float | None,
        scope: Scope,
        stream: str,
    ) -> Record:
        """Return the record of the line in an envelope. The envelope's time and origin take precedence."""
        text, more, graded, workload = content
        line, message, inner_time, severity, inner_scope, inner_stream, cut, normalised = inner
        if not scope.workload:
            scope = self._sources.named(workload).scope if workload else inner_scope
        if where.docker and text[-1] != "\n":
            cut = True
        if where.tags:
            cut = cut or is_cut(doc, where)
        if cut:
            self._cut = True
        fields = (
            line,
            message + more if more else message,
            inner_time if time is None else time,
            graded if severity is None else severity,
            scope,
            stream or inner_stream,
            cut,
            b"" if more else normalised,
        )
        return _new(Record, fields)

    def _unsaid(self, doc: dict[str, Any], raw: bytes | str, envelope: Record) -> Record | None:
        """Return the record of a JSON object without a message: the object as text, or None for an empty envelope."""
        if isinstance(doc.get("log"), str):
            return None
        text = text_of(raw) if isinstance(raw, bytes) else raw
        return envelope._replace(message=self._whole(text, "")) if text else None

    def _whole(self, text: str, more: str) -> str:
        message = text + more if more else text
        if not message.isprintable():
            message = clean(message).rstrip("\r\n")
        return message[:MESSAGE_LIMIT] if len(message) > MESSAGE_LIMIT else message

    def _time(self, doc: dict[str, Any], where: KeyPlan) -> float | None:
        for key in where.time:
            value = doc[key]
            if value.__class__ is dict:  # MongoDB's date, log4j2's instant
                value = value.get("$date") or value.get("epochSecond")
            time = self._clock.value(value)
            if time is not None:
                return time
        return None

    def _plan(self, keys: tuple[str, ...]) -> KeyPlan:
        where = plan(keys)
        if len(keys) <= 64:  # objects with more keys are rarely repeated
            if len(self._plans) >= _MEMO_LINES:
                self._plans.clear()
            self._plans[keys] = where
        return where


def _over(header: Record, inner: Record, nowhere: Scope) -> Record:
    """Return an inner record with the header's time and origin. It is partial if either record is."""
    severity: Severity | None = inner.severity if inner.severity is not None else header.severity
    return Record(
        inner.line,
        inner.message,
        header.time if header.time is not None else inner.time,
        severity,
        header.scope if header.scope != nowhere else inner.scope,
        header.stream or inner.stream,
        header.partial or inner.partial,
    )

"""Line shapes: the common parts of enveloped lines that differ only in digits and ids.

The rules of decode do not depend on digits and ids (layout.py), with two exceptions that a shape checks. Digits count in
the fields that explain an object's message. A JSON number must not begin with a zero. Digits and ids may differ in the
time, in the line and in the other members of an object. None of these differences can change whether a line is JSON.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.core.normalise import ZEROS, find_ids, normalise_ids
from cali.stages.decode.jsonlog import object_text, plan, special_text

if TYPE_CHECKING:
    from cali.core.models import Severity
    from cali.stages.decode.jsonlog import KeyPlan
    from cali.stages.decode.layout import Plain, Span

_ZERO = ord("0")
_TO_SECONDS = len("2026-11-20T10:00:")
_OUTS = (b"", b"stdout", b"stderr")
_MEMBER = rb'"([^"\\]*+)":"((?:[^"\\]|\\.)*+)"'
_members = re.compile(_MEMBER).finditer
_is_flat = re.compile(rb"\{%b(?:,%b)*+" % (_MEMBER, _MEMBER)).fullmatch
_is_zulu = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?Z").fullmatch
_digit = re.compile(rb"\d").search
_characters = re.compile(rb"\\.|[\xc0-\xff][\x80-\xbf]*|[^\\]", re.DOTALL).finditer
_tokens = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|[^\s"{}\[\],:]++').finditer
# A number of at most this length is in range for all digits.
_is_number = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?", re.ASCII).fullmatch
_is_long = re.compile(r"-?(\d)\d", re.ASCII).match


class IdSpan(NamedTuple):
    """The place of an id. The text between `start` and `digits_end` must hold digits and letters."""

    before: bytes  # text between the previous id and this one, digits as zeros
    start: int
    digits_end: int  # the end of the id; of a UUID, the end of its first group
    end: int
    digit: bool | None  # True: the id begins with a digit. False: with a letter. None: either


class Checks(NamedTuple):
    """Checks for shapes that equal text (digits as zeros) does not identify."""

    ids: tuple[IdSpan, ...]
    rest: bytes  # text after the last id, digits as zeros
    exact: tuple[tuple[int, int, bytes], ...]  # start, end, expected text
    firsts: tuple[int, ...]  # places of the first digits of numbers, which must not be zero


class LineShape(NamedTuple):
    """The parts that lines of one shape share, and the places of parts that differ, in bytes of the envelope."""

    checks: Checks | None  # None if equal text with digits as zeros is enough
    minute: int  # start of the time
    second: int
    zone: int
    start: int  # start of the message
    end: int
    pieces: tuple[Span, ...]  # parts of the message, if it has several
    escaped: bool
    more: str  # text appended to the message
    severity: Severity | None
    status: Span | None  # an HTTP status that decides the severity
    out: str
    normalised: bytes


class _EnvelopePlaces(NamedTuple):
    """The places of time and line in an envelope, and the name of its stream."""

    time: Span
    log: Span
    out: str


def fits(shape: LineShape, head: bytes, blind: bytes) -> bool:
    """Return True if an envelope passes the checks of a shape. `blind` is `head` with its digits as zeros."""
    ids, rest, exact, firsts = shape.checks  # type: ignore[misc]  # it has them
    position = 0
    for before, start, digits_end, end, digit in ids:
        value = blind[start:digits_end]
        if (
            blind[position:start] != before
            or value.isdigit()
            or value.isalpha()
            or (digit is not None and (value[0] == _ZERO) is not digit)
        ):
            return False
        position = end
    if blind[position:] != rest:
        return False
    for start, end, said in exact:
        if head[start:end] != said:
            return False
    return not firsts or _ZERO not in [head[at] for at in firsts]


def of_text(head: bytes, where: KeyPlan, text: str, plain: Plain) -> LineShape | None:
    """Return the shape of a text line with the layout `plain`, or None if it has none."""
    frame = _envelope_places(head, where)
    if frame is None:
        return None
    at = _places(head, frame.log)
    start, end, pieces, severity, status, normalised = plain
    spans = tuple((at[a], at[b]) for a, b in pieces or ((start, len(text) if end is None else end),))
    ids, rest = _ids(head, text, at)
    checks = Checks(ids, rest, (), ()) if ids else None
    code = status and (at[status[0]], at[status[1]])
    return _shape(head, frame, checks, spans, "", severity, code, normalised)


def of_object(head: bytes, where: KeyPlan, text: str) -> LineShape | None:
    """Return the shape of an object with a level and a plain message, or of a Kubernetes event; otherwise None."""
    frame = _envelope_places(head, where)
    try:
        doc = orjson.loads(text)
    except ValueError:
        return None
    if frame is None or doc.__class__ is not dict or not text.isprintable():
        return None
    keys, values = plan(tuple(doc)), _values(text)
    said = special_text(doc, keys.kind) if keys.kind else object_text(doc, keys)
    names, telling = _named(doc, keys)
    spans = [(values[name][0] + 1, values[name][1] - 1) for name in names]
    message = " ".join(text[a:b] for a, b in spans)
    if (
        said is None or keys.serilog or keys.raw or keys.pod or "log" in doc or "stream" in doc
        or len(values) != len(doc) or not message or said.text != message
    ):  # fmt: skip
        return None
    numbers = [m.span() for m in _tokens(text) if m[0][0] in "-0123456789"]
    over_ids = (start < over and begin < end for start, end in numbers for begin, over in _spans(text))
    if any(over_ids) or not all(_is_number(text, *span) for span in numbers):
        return None
    at = _places(head, frame.log)
    ids, rest = _ids(head, text, at)
    exact = [(at[a], at[b]) for a, b in (values[key] for key in sorted(telling))]
    checks = Checks(
        ids,
        rest,
        tuple((a, b, head[a:b]) for a, b in exact if _digit(head[a:b])),
        tuple(at[m.start(1)] for span in numbers if (m := _is_long(text, *span))),
    )
    normalised = normalise_ids((message + said.more).encode().translate(ZEROS))
    places = tuple((at[a], at[b]) for a, b in spans)
    needed = checks if ids or checks.exact or checks.firsts else None
    return _shape(head, frame, needed, places, said.more, said.severity, None, normalised)


def _named(doc: dict[str, Any], keys: KeyPlan) -> tuple[tuple[str, ...], set[str]]:
    """Return the keys of an object's message, and the keys of values in which every digit counts."""
    if keys.kind == "event" and "message" in doc:
        return ("reason", "message"), {"reason", "type"}
    telling = {*keys.message[1:], *keys.level, *keys.stacks, *keys.explain, *keys.status, *keys.exit, *keys.workload, *keys.tags}  # fmt: skip
    if any(doc[key].__class__ is not int for key in (*keys.stacks, *keys.explain)):
        telling.update(keys.message)  # explaining fields that repeat the message are dropped
    return () if keys.kind else keys.message[:1], telling


def _shape(
    head: bytes,
    frame: _EnvelopePlaces,
    checks: Checks | None,
    spans: tuple[Span, ...],
    more: str,
    severity: Severity | None,
    status: Span | None,
    normalised: bytes,
) -> LineShape:
    (minute, zone), (start, end) = frame.time, spans[0]
    return LineShape(
        checks,
        minute,
        minute + _TO_SECONDS,
        zone - 1,
        start,
        end,
        spans if len(spans) > 1 else (),
        any(b"\\" in head[a:b] for a, b in spans),
        more,
        severity,
        status,
        frame.out,
        normalised,
    )


def _envelope_places(head: bytes, where: KeyPlan) -> _EnvelopePlaces | None:
    """Return the frame of an envelope. Return None if digits count in members other than time and line."""
    found = list(_members(head, 1))
    members = {m[1].decode(): m.span(2) for m in found}
    time, log = where.time[0], where.message[0]
    if (
        not _is_flat(head) or len(members) < len(found) or b"\\u" in head
        or not {time, log} <= members.keys() <= {time, log, "stream", *where.tags}
    ):  # fmt: skip
        return None
    start, end = members.get("stream", (0, 0))
    free = sorted([(0, 0), members[time], members[log], (len(head), 0)])
    if (
        head[start:end] not in _OUTS
        or not _is_zulu(head[slice(*members[time])])
        or any(_digit(head[one[1] : other[0]]) for one, other in pairwise(free))
    ):
        return None
    return _EnvelopePlaces(members[time], members[log], head[start:end].decode())


def _places(head: bytes, log: Span) -> list[int]:
    """Return the place in the envelope of each character of a line, and of the line's end."""
    start, end = log
    return [*(start + m.start() for m in _characters(head[start:end])), end]


def _spans(text: str) -> list[Span]:
    """Return the start and end of each id in a line, counted in characters."""
    line = text.encode().translate(ZEROS)
    return [(len(line[: m.start()].decode()), len(line[: m.end()].decode())) for m in find_ids(line)]


def _ids(head: bytes, text: str, at: list[int]) -> tuple[tuple[IdSpan, ...], bytes]:
    """Return the ids in a line and the text after the last one. `at` holds the places of the line's characters."""
    blind, found, position = head.translate(ZEROS), [], 0
    for a, b in _spans(text):
        start, end = at[a], at[b]
        uuid = text[a:b].count("-") > 0
        digit = None if uuid else blind[start] == _ZERO
        found.append(IdSpan(blind[position:start], start, start + 8 if uuid else end, end, digit))
        position = end
    return tuple(found), blind[position:]


def _values(text: str) -> dict[str, Span]:
    """Return the spans of the values of an object's top-level members, by key."""
    found: dict[str, Span] = {}
    depth = 0
    member: list[re.Match[str]] = []  # key, colon and value
    for m in _tokens(text):
        if depth == 1 and m[0] in ",}":
            if member:
                found[member[0][0][1:-1]] = (member[2].start(), member[-1].end())
            member = []
        elif depth:
            member.append(m)
        depth += (m[0] in "{[") - (m[0] in "}]")
    return found

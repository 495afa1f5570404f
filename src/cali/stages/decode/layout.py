"""Where the parts of a line lie.

A layout is a pure function of the line with its digits and its ids made alike: no rule looks at the value of either,
so two lines that differ only in them share one. What does depend on digits (the time, an HTTP status, a syslog priority, a pod's name) is
kept as a span and read from each line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cali.core.normalise import ids_alike
from cali.stages.decode.severity import parse_level

if TYPE_CHECKING:
    from cali.core.models import Severity

Span = tuple[int, int]
# start, end, pieces, severity, status, alike
Plain = tuple[int, int | None, tuple[Span, ...], "Severity | None", Span | None, bytes]
_IN_ID = re.compile(r"[A-Za-z0-9-]{2}")
_new = tuple.__new__


class Layout(NamedTuple):
    """The spans of one line's parts. `pieces` replaces the one message span where a message has several parts."""

    start: int
    end: int | None = None
    pieces: tuple[Span, ...] = ()
    time: tuple[int, int, int, int, int] | None = None  # minute from, to; seconds from, to; tail to
    severity: Severity | None = None
    status: Span | None = None  # an HTTP status that decides the severity
    priority: Span | None = None  # a syslog priority that does
    origin: Span | None = None
    namespace: Span | None = None
    out: str = ""
    partial: bool = False
    special: str = ""  # "json": an object begins at `start`; "blank": there is no message
    alike: bytes = b""  # the message of all its lines with digits and ids made alike, if known (`complete`)
    plain: Plain | None = (
        None  # what is left to look at when an envelope told the time, if that is all (`complete`)
    )


def complete(layout: Layout, seen: str) -> Layout:
    """The layout with what follows from it; `seen` is one of its lines, with digits and ids made alike."""
    start, end, pieces, _, severity, status, priority, origin, space, out, partial, special, _, _ = layout
    if special:
        return layout
    spans = pieces or ((start, len(seen) if end is None else end),)
    # A message that begins or ends within an id has a part of it that differs from line to line.
    if any(_IN_ID.fullmatch(seen[at - 1 : at + 1]) for span in spans for at in span if at):
        alike = b""
    else:
        alike = ids_alike(" ".join([seen[a:b] for a, b in spans]).encode())
    if priority or origin or space or out or partial:
        return layout._replace(alike=alike)
    return layout._replace(alike=alike, plain=(start, end, pieces, severity, status, alike))


class Rule(NamedTuple):
    """A format. Its pattern names the parts: t, s, z (time), lvl, m (message), n (status), pri, who, ns,
    out, part, rest.

    `rest` is text that is decoded again. `first` are the characters a line of this format can begin with.
    """

    name: str
    first: str
    pattern: re.Pattern[str]


DIGITS = "0123456789"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
ANY = ""

# Some text must remain when a header is taken off; a bare header is its own message.
M = r"(?P<m>(?=\s*+\S).*)"
REST = r"(?P<rest>.*)"
_WORDS = (
    "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|SEVERE|ALERT|EMERG(?:ENCY)?|"
    "D?PANIC|VERBOSE|FINE(?:ST|R)?|CONFIG"
)
LEVEL = rf"(?P<lvl>{_WORDS})"
ANYCASE = rf"(?P<lvl>(?i:{_WORDS}|NOTE|SYSTEM|INFORMATION|TRC|DBG|INF|WRN|FTL|LOG))"


def rule(name: str, first: str, pattern: str) -> Rule:
    """A rule whose pattern is compiled the one way that rules are: ASCII classes, `.` takes newlines too.

    Spaces that were taken are never given back: a line of many spaces would cost their number squared.
    """
    pattern = pattern.replace(" +", " ++").replace(" *", " *+")
    return Rule(name, first, re.compile(pattern, re.ASCII | re.DOTALL))


def by_first(rules: tuple[Rule, ...]) -> dict[str, tuple[re.Pattern[str], ...]]:
    """The patterns to try for each first character; key "" for characters that no rule names. Order is kept."""
    chars = {char for entry in rules for char in entry.first}
    table = {char: tuple(r.pattern for r in rules if not r.first or char in r.first) for char in chars}
    table[""] = tuple(r.pattern for r in rules if not r.first)
    return table


def read(match: re.Match[str]) -> Layout:
    """The layout that a rule's match describes, without what `rest` holds."""
    groups = match.re.groupindex
    get = groups.get
    word = match["lvl"] if "lvl" in groups else None
    start, end = match.span("m") if "m" in groups else (match.end(), match.end())
    fields = (
        start,
        None if end == len(match.string) else end,
        (),
        _time(match) if "t" in groups else None,
        parse_level(word) if word else None,
        _span(match, get("n")),
        _span(match, get("pri")),
        _span(match, get("who")),
        _span(match, get("ns")),
        (match["out"] or "") if "out" in groups else "",
        "part" in groups and match["part"] == "P",
        "",
        b"",
        None,
    )
    return _new(Layout, fields)


def nest(outer: Layout, inner: Layout) -> Layout:
    """The layout of a wrapped line. The wrapping knows time and origin best, the application its severity."""
    judge = outer if inner.severity is None and not inner.status and not inner.priority else inner
    fields = (
        inner.start,
        inner.end,
        inner.pieces,
        outer.time or inner.time,
        judge.severity,
        judge.status,
        judge.priority,
        outer.origin or inner.origin,
        outer.namespace or inner.namespace,
        outer.out or inner.out,
        outer.partial or inner.partial,
        inner.special,
        b"",
        None,
    )
    return _new(Layout, fields)


def _span(match: re.Match[str], group: int | None) -> Span | None:
    if group is None or match[group] is None:
        return None
    return match.span(group)


def _time(match: re.Match[str]) -> tuple[int, int, int, int, int] | None:
    if match["t"] is None:
        return None
    seconds = match.span("s")
    tail = match.end("z") if "z" in match.re.groupindex else -1
    return (*match.span("t"), *seconds, max(tail, seconds[1]))

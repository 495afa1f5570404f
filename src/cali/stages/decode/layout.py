"""Where the parts of a line lie.

A layout is a pure function of the digit-blind line: no rule looks at the value of a digit, so two lines that differ
only in digits share one. What does depend on digits (the time, an HTTP status, a syslog priority, a pod's name) is
kept as a span and read from each line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cali.stages.decode.severity import parse_level

if TYPE_CHECKING:
    from cali.models import Severity

BLIND = bytes.maketrans(b"123456789", b"000000000")

Span = tuple[int, int]


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
M = r"(?P<m>(?=\s*\S).*)"
REST = r"(?P<rest>.*)"
_WORDS = (
    "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|SEVERE|ALERT|EMERG(?:ENCY)?|"
    "D?PANIC|VERBOSE|FINE(?:ST|R)?|CONFIG"
)
LEVEL = rf"(?P<lvl>{_WORDS})"
ANYCASE = rf"(?P<lvl>(?i:{_WORDS}|NOTE|SYSTEM|INFORMATION|TRC|DBG|INF|WRN|FTL|LOG))"


def rule(name: str, first: str, pattern: str) -> Rule:
    """A rule whose pattern is compiled the one way that rules are: ASCII classes, `.` takes newlines too."""
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
    word = match["lvl"] if "lvl" in groups else None
    start, end = match.span("m") if "m" in groups else (match.end(), match.end())
    return Layout(
        start,
        None if end == len(match.string) else end,
        time=_time(match),
        severity=parse_level(word) if word else None,
        status=_span(match, "n"),
        priority=_span(match, "pri"),
        origin=_span(match, "who"),
        namespace=_span(match, "ns"),
        out=(match["out"] or "") if "out" in groups else "",
        partial="part" in groups and match["part"] == "P",
    )


def nest(outer: Layout, inner: Layout) -> Layout:
    """The layout of a wrapped line. The wrapping knows time and origin best, the application its severity."""
    judged = inner.severity is not None or inner.status or inner.priority
    return inner._replace(
        time=outer.time or inner.time,
        severity=inner.severity if judged else outer.severity,
        status=inner.status if judged else outer.status,
        priority=inner.priority if judged else outer.priority,
        origin=outer.origin or inner.origin,
        namespace=outer.namespace or inner.namespace,
        out=outer.out or inner.out,
        partial=outer.partial or inner.partial,
    )


def _span(match: re.Match[str], group: str) -> Span | None:
    if group not in match.re.groupindex or match[group] is None:
        return None
    return match.span(group)


def _time(match: re.Match[str]) -> tuple[int, int, int, int, int] | None:
    if "t" not in match.re.groupindex or match["t"] is None:
        return None
    seconds = match.span("s")
    tail = match.end("z") if "z" in match.re.groupindex and match["z"] else seconds[1]
    return (*match.span("t"), *seconds, tail)

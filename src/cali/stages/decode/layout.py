"""The layout of a text line: the spans of its parts.

A layout is a pure function of the normalised line. No rule depends on the value of a digit or an id, so lines that differ
only in those share a layout. Values that depend on digits (time, HTTP status, syslog priority, pod name) are stored as
spans and read from each line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cali.core.models import Severity
from cali.core.normalise import normalise_ids
from cali.stages.decode.layout_rules import AFTER_STAMP, RULES, STAMPS, SYSLOG
from cali.stages.decode.values import parse_level

Span = tuple[int, int]
# start, end, pieces, severity, status, normalised
Plain = tuple[int, int | None, tuple[Span, ...], Severity | None, Span | None, bytes]
_IN_ID = re.compile(r"[A-Za-z0-9-]{2}")
_new = tuple.__new__
_DEPTH = 4  # maximum nesting: kubectl's prefix, a runtime's stamp, syslog, the application
_TIME_OF_DAY = len("10:00")  # a bare time of day can be part of a sentence, so a rule must match after it
_OTHER_RULES = RULES[""]
_OTHER_AFTER = AFTER_STAMP[""]
_BLANK = re.compile(r"\s*\Z")
_GAP = (" ", "\t")
_MARKS = {
    "#": Severity.WARNING, "*": Severity.NOTICE, "-": Severity.INFO, ".": Severity.DEBUG,  # Redis
    "CRASH": Severity.ERROR, "SUPERVISOR": Severity.ERROR, "PROGRESS": Severity.INFO,  # Erlang
}  # fmt: skip

# logfmt: `level=error msg="failed to sync" err=timeout`
_KEY = r"[A-Za-z_@][\w.@/-]*"
_PAIR = rf'{_KEY}=(?:"(?:[^"\\]|\\.)*+"|[^\s"]*+)'
_LINE = re.compile(rf"{_PAIR}(?: ++{_PAIR})*+ *\Z", re.ASCII | re.DOTALL)
_PAIRS = re.compile(rf'(?P<k>{_KEY})=(?:"(?P<q>(?:[^"\\]|\\.)*)"|(?P<v>[^\s"]*))', re.ASCII | re.DOTALL)
_STAMP = re.compile(
    r"(?P<t>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d):(?P<s>\d\d(?:[.,]\d{1,9})?)(?P<z> ?(?:Z|[+-]\d\d:?\d\d))?\Z",
    re.ASCII,
)
_LEVEL = frozenset({"level", "lvl", "severity"})
_MESSAGE = frozenset({"msg", "message"})
_TIME = frozenset({"ts", "time", "timestamp", "t"})
_HEADER = (
    _LEVEL
    | _MESSAGE
    | _TIME
    | {"caller", "source", "logger", "trace_id", "span_id", "traceid", "spanid", "traceID", "spanID"}
)
_FAILURE = ("err", "error", "reason", "cause", "exception")


class Layout(NamedTuple):
    """The spans of one line's parts. If a message has several parts, `pieces` replaces the single message span."""

    start: int
    end: int | None = None
    pieces: tuple[Span, ...] = ()
    time: tuple[int, int, int, int, int] | None = None  # start and end of minute and seconds; end of the tail
    severity: Severity | None = None
    status: Span | None = None  # an HTTP status that decides the severity
    priority: Span | None = None  # a syslog priority that decides the severity
    origin: Span | None = None
    namespace: Span | None = None
    out: str = ""
    partial: bool = False
    special: str = ""  # "json": an object begins at `start`; "blank": there is no message
    normalised: bytes = b""  # the normalised message that all its lines share, if known (`complete`)
    plain: Plain | None = (
        None  # the parts to read if an envelope supplies the time and no other part matters (`complete`)
    )


def complete(layout: Layout, line: str) -> Layout:
    """Return the layout with its derived fields filled in. `line` is one of its lines, normalised."""
    start, end, pieces, _, severity, status, priority, origin, space, out, partial, special, _, _ = layout
    if special:
        return layout
    spans = pieces or ((start, len(line) if end is None else end),)
    parts, within_id = [], False
    for a, b in spans:
        parts.append(line[a:b])
        for at in (a, b):
            if at and _IN_ID.fullmatch(line[at - 1 : at + 1]):
                within_id = True  # the message begins or ends inside an id, which differs in each line
    normalised = b"" if within_id else normalise_ids(" ".join(parts).encode())
    if priority or origin or space or out or partial:
        return layout._replace(normalised=normalised)
    return layout._replace(normalised=normalised, plain=(start, end, pieces, severity, status, normalised))


def read(match: re.Match[str]) -> Layout:
    """Return the layout that a rule's match describes, without the layout of `rest`."""
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
    """Merge the layouts of a wrapped line: time and origin from the outer one, severity from the inner one."""
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


def layout_of(text: str, at: int = 0, depth: int = 0) -> Layout:
    """Return the layout of the text from `at` on. If no rule matches, all of the text is the message."""
    first = text[at : at + 1]
    if _BLANK.match(text, at):
        return Layout(at, special="blank")
    if first == "{":
        return Layout(at, special="json")
    stamps = STAMPS.get(first)
    if stamps:
        for stamp in stamps:
            match = stamp.match(text, at)
            if match:
                found = _stamped(text, match, depth)
                if found:
                    return found
                break
    if "=" in text and first.isalpha():
        found = _logfmt(text, at)
        if found:
            return found
    for pattern in RULES.get(first, _OTHER_RULES):
        match = pattern.match(text, at)
        if match:
            return _headed(text, match, depth)
    return Layout(at)


def _stamped(text: str, stamp: re.Match[str], depth: int) -> Layout | None:
    """Return the layout of a stamp and the text after it, or None if no text follows: a lone stamp is a message."""
    at = stamp.end()
    bracketed = text[stamp.start()] == "["
    if bracketed and text[at : at + 1] == "]":
        at += 1
    elif bracketed and text[at : at + 2] != ": ":
        return None
    if text[at : at + 2] != ": ":
        while text[at : at + 1] in _GAP:
            at += 1
    outer = read(stamp)
    for pattern in AFTER_STAMP.get(text[at : at + 1], _OTHER_AFTER):
        match = pattern.match(text, at)
        if match:
            return nest(outer, _follow(text, match, depth))
    if stamp.start("t") == stamp.start() and text[stamp.start()].isalpha():
        match = SYSLOG.match(text, at)
        if match:
            return nest(outer, _follow(text, match, depth))
    if text[stamp.end() : stamp.end() + 1] not in (" ", "\t", "]"):
        return None
    if outer.time is None or outer.time[1] - outer.time[0] <= _TIME_OF_DAY or _BLANK.match(text, at):
        return None
    return nest(outer, layout_of(text, at, depth + 1)) if depth < _DEPTH else outer._replace(start=at)


def _follow(text: str, match: re.Match[str], depth: int) -> Layout:
    """Return the layout of a match together with the text that it wraps."""
    found = read(match)
    if "rest" not in match.re.groupindex:
        return found
    at = match.start("rest")
    if at < 0:
        return found._replace(special="blank")
    return (
        nest(found, layout_of(text, at, depth + 1)) if depth < _DEPTH else found._replace(start=at, end=None)
    )


def _headed(text: str, match: re.Match[str], depth: int) -> Layout:
    found = _follow(text, match, depth)
    groups = match.re.groupindex
    if "mark" in groups:
        return found._replace(severity=_MARKS[match["mark"]])
    if "more" not in groups:
        return found
    # An event's row: the reason, then the kubelet's message. Its object names the workload.
    pieces = (match.span("m"), match.span("more"))
    if "object" not in groups:
        return found._replace(pieces=pieces)
    return found._replace(pieces=pieces, origin=match.span("object"))


def _logfmt(text: str, at: int) -> Layout | None:
    """Return the layout of the logfmt line that starts at `at`, or None for any other line.

    A logfmt line needs a message, or a level and a time. Other pairs alone are not enough.
    """
    head = _PAIRS.match(text, at)
    if not head or not _LINE.match(text, at):
        return None
    every = list(_PAIRS.finditer(text, at))
    pairs = {match["k"]: match for match in reversed(every)}  # the first pair of a key wins
    message = next((_value(pairs[key]) for key in ("msg", "message") if key in pairs), None)
    level = next((pairs[key] for key in ("level", "lvl", "severity") if key in pairs), None)
    stamp = next((pairs[key] for key in ("ts", "time", "timestamp", "t") if key in pairs), None)
    if message is None and not (level and stamp):
        return None
    pieces = _pieces(every, pairs, message)
    if not pieces:
        return None
    return Layout(
        pieces[0][0],
        pieces[0][1],
        pieces=pieces,
        time=_logfmt_time(text, stamp),
        severity=_logfmt_severity(level),
    )


def _value(pair: re.Match[str]) -> Span:
    return pair.span("q") if pair["q"] is not None else pair.span("v")


def _logfmt_severity(pair: re.Match[str] | None) -> Severity | None:
    return parse_level(pair["q"] or pair["v"] or "") if pair else None


def _pieces(
    every: list[re.Match[str]], pairs: dict[str, re.Match[str]], message: Span | None
) -> tuple[Span, ...]:
    first = [message] if message and message[0] < message[1] else []
    failed = [pairs[key].span() for key in _FAILURE if key in pairs]
    # Keep all of them: keys may differ only in a digit (p50, p99), and no rule may depend on digits.
    others = [pair.span() for pair in every if pair["k"] not in _HEADER and pair["k"] not in _FAILURE]
    return (*first, *failed, *others)


def _logfmt_time(text: str, pair: re.Match[str] | None) -> tuple[int, int, int, int, int] | None:
    if pair is None:
        return None
    start, end = _value(pair)
    match = _STAMP.match(text[:end], start)
    if match is None:
        return None
    return (*match.span("t"), *match.span("s"), match.end())

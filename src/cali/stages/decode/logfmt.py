"""logfmt: `level=error msg="failed to sync" err=timeout`. The spans of what tells the failure, in a stable order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cali.stages.decode.layout import Layout, Span
from cali.stages.decode.severity import parse_level

if TYPE_CHECKING:
    from cali.core.models import Severity

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


def layout_of(text: str, at: int) -> Layout | None:
    """The layout of the logfmt line that starts at `at`, or None when it is none: pairs alone make no log line,
    there must be a message, or a level together with a time."""
    head = _PAIRS.match(text, at)
    if not head or not _LINE.match(text, at):
        return None
    every = list(_PAIRS.finditer(text, at))
    pairs = {match["k"]: match for match in reversed(every)}  # the first of a key counts
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
        time=_time(text, stamp),
        severity=_severity(level),
    )


def _value(pair: re.Match[str]) -> Span:
    return pair.span("q") if pair["q"] is not None else pair.span("v")


def _severity(pair: re.Match[str] | None) -> Severity | None:
    return parse_level(pair["q"] or pair["v"] or "") if pair else None


def _pieces(
    every: list[re.Match[str]], pairs: dict[str, re.Match[str]], message: Span | None
) -> tuple[Span, ...]:
    first = [message] if message and message[0] < message[1] else []
    failed = [pairs[key].span() for key in _FAILURE if key in pairs]
    # All of them, since keys may differ in a digit alone (p50, p99), which no rule may see.
    others = [pair.span() for pair in every if pair["k"] not in _HEADER and pair["k"] not in _FAILURE]
    return (*first, *failed, *others)


def _time(text: str, pair: re.Match[str] | None) -> tuple[int, int, int, int, int] | None:
    if pair is None:
        return None
    start, end = _value(pair)
    match = _STAMP.match(text[:end], start)
    if match is None:
        return None
    return (*match.span("t"), *match.span("s"), match.end())

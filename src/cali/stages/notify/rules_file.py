"""Reads the rules from YAML. Whatever is wrong is said in one line: file, line, where in it, and what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from cali.core.errors import Misconfigured
from cali.core.models import Severity
from cali.stages.notify.rules import (
    DAYS,
    Destination,
    Maintenance,
    QuietHours,
    Route,
    Rules,
    SinkUse,
    Storm,
    When,
)

_PLACE = re.compile(r"\{(\w*)\}")
_PLACES = {"id", "fingerprint", "cluster", "namespace", "workload", "container", "from_ms", "to_ms", "entry"}

DEFAULT = Rules(routes=(Route("everything", When(), (Destination("console"),)),))
"""Without a file: everything from warning up, on the console."""


class _Bad(Exception):
    def __init__(self, path: tuple[Any, ...], what: str) -> None:
        self.path, self.what = path, what


class _At:
    """A value of the file and where it stands."""

    def __init__(self, value: Any, path: tuple[Any, ...] = ()) -> None:
        self.value, self.path = value, path

    def bad(self, what: str) -> _Bad:
        return _Bad(self.path, what)

    def fields(self, *names: str) -> dict[str, _At]:
        """The fields of a mapping, which may be no others than these."""
        if not isinstance(self.value, dict):
            raise self.bad("must be a mapping")
        for key in self.value:
            if key not in names:
                raise _Bad((*self.path, key), f"unknown; known here: {', '.join(names)}")
        return {key: _At(value, (*self.path, key)) for key, value in self.value.items()}

    def pairs(self) -> dict[str, _At]:
        if not isinstance(self.value, dict):
            raise self.bad("must be a mapping")
        return {str(key): _At(value, (*self.path, key)) for key, value in self.value.items()}

    def items(self) -> list[_At]:
        if not isinstance(self.value, list):
            raise self.bad("must be a list")
        return [_At(value, (*self.path, place)) for place, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.bad("must be a text")
        return self.value.strip()

    def texts(self) -> tuple[str, ...]:
        """One text, or a list of them."""
        return tuple(item.text() for item in self.items()) if isinstance(self.value, list) else (self.text(),)

    def number(self, least: float) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not self.value >= least:
            raise self.bad(f"must be a number, at least {least:g}")
        return float(self.value)

    def severity(self) -> Severity:
        name = self.text().upper()
        if name not in Severity.__members__:
            raise self.bad(f"{self.value!r} is no severity: {', '.join(one.label for one in Severity)}")
        return Severity[name]

    def clock(self) -> time:
        value = self.value  # YAML reads 22:00 as 22 times 60
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1440:
            return time(value // 60, value % 60)
        try:
            return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007 - a time of day
        except ValueError:
            raise self.bad(f"{value!r} is no time of day such as 22:00") from None

    def moment(self) -> float:
        value = self.value
        try:
            when = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            raise self.bad(f"{value!r} is no time such as 2026-11-20T22:00:00+09:00") from None
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def parse(text: str, name: str) -> Rules:
    """The rules in a text; `name` is what errors call it."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        plain = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise Misconfigured(f"{name}{line}: not YAML: {getattr(error, 'problem', None) or error}") from None
    except (
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:  # a date such as 2026-99-99, lists in lists in lists
        raise Misconfigured(f"{name}: {error}") from None
    try:
        return _rules(_At(plain))
    except _Bad as bad:
        place = ".".join(map(str, bad.path)) or "the file"
        raise Misconfigured(f"{name}:{_line(node, bad.path)}: {place}: {bad.what}") from None


def _rules(whole: _At) -> Rules:
    fields = whole.fields("routes", "sinks", "quiet_hours", "maintenance", "storm", "links")
    if "routes" not in fields:
        raise whole.bad("routes: missing; without one nobody is told")
    sinks = {key: _sink(at) for key, at in fields["sinks"].pairs().items()} if "sinks" in fields else {}
    routes = tuple(_route(at, place) for place, at in enumerate(fields["routes"].items(), 1))
    if not routes:
        raise fields["routes"].bad("is empty; without a route nobody is told")
    return Rules(
        routes=routes,
        sinks=sinks,
        quiet_hours=_quiet(fields["quiet_hours"]) if "quiet_hours" in fields else None,
        maintenance=tuple(map(_window, fields["maintenance"].items())) if "maintenance" in fields else (),
        storm=_storm(fields["storm"]) if "storm" in fields else Storm(),
        links=tuple((key, _link(at)) for key, at in fields["links"].pairs().items())
        if "links" in fields
        else (),
    )


def _sink(at: _At) -> SinkUse:
    pairs = at.pairs()
    if "kind" not in pairs:
        raise at.bad("kind: missing")
    options: Mapping[str, str] = {key: str(one.value) for key, one in pairs.items() if key != "kind"}
    return SinkUse(pairs["kind"].text(), options)


def _route(at: _At, place: int) -> Route:
    fields = at.fields("name", "when", "send")
    if "send" not in fields:
        raise at.bad("send: missing; an empty list tells nobody")
    name = fields["name"].text() if "name" in fields else f"number {place}"
    return Route(
        name, _when(fields["when"]) if "when" in fields else When(), tuple(map(_send, fields["send"].items()))
    )


def _when(at: _At) -> When:
    fields = at.fields("scope", "severity", "tags")
    for pattern in fields["scope"].texts() if "scope" in fields else ():
        if pattern.count("/") > 3:
            raise fields["scope"].bad(f"{pattern!r} has more parts than cluster/namespace/workload/container")
    return When(
        scope=fields["scope"].texts() if "scope" in fields else ("*",),
        severity=fields["severity"].severity() if "severity" in fields else Severity.WARNING,
        tags=fields["tags"].texts() if "tags" in fields else (),
    )


def _send(at: _At) -> Destination:
    if isinstance(at.value, str):
        return Destination(at.text())
    fields = at.fields("sink", "channel", "mention")
    if "sink" not in fields:
        raise at.bad("sink: missing")
    return Destination(**{key: one.text() for key, one in fields.items()})


def _quiet(at: _At) -> QuietHours:
    fields = at.fields("start", "end", "zone", "days", "let")
    for key in ("start", "end", "zone"):
        if key not in fields:
            raise at.bad(f"{key}: missing")
    try:
        zone = ZoneInfo(fields["zone"].text())
    except (KeyError, ValueError, OSError):
        raise fields["zone"].bad(f"{fields['zone'].value!r} is no time zone such as Asia/Seoul") from None
    days = fields["days"].texts() if "days" in fields else DAYS
    for day in days:
        if day not in DAYS:
            raise fields["days"].bad(f"{day!r} is none of {', '.join(DAYS)}")
    let = fields["let"].severity() if "let" in fields else Severity.CRITICAL
    return QuietHours(fields["start"].clock(), fields["end"].clock(), zone, days, let)


def _window(at: _At) -> Maintenance:
    fields = at.fields("scope", "start", "end", "why")
    for key in ("start", "end"):
        if key not in fields:
            raise at.bad(f"{key}: missing")
    start, end = fields["start"].moment(), fields["end"].moment()
    if end <= start:
        raise fields["end"].bad("is not after the start")
    scope = fields["scope"].text() if "scope" in fields else "*"
    return Maintenance(scope, start, end, fields["why"].text() if "why" in fields else "")


def _storm(at: _At) -> Storm:
    fields = at.fields("incidents", "seconds")
    incidents = int(fields["incidents"].number(1)) if "incidents" in fields else Storm().incidents
    return Storm(incidents, fields["seconds"].number(1) if "seconds" in fields else Storm().seconds)


def _link(at: _At) -> str:
    url = at.text()
    if not url.startswith(("https://", "http://")):
        raise at.bad(f"{url!r} is no web address")
    unknown = [place for place in _PLACE.findall(url) if place not in _PLACES]
    if unknown:
        raise at.bad(f"{{{unknown[0]}}} is none of {', '.join(sorted(_PLACES))}")
    return url


def _line(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """The line of the deepest part of a path that the file holds."""
    line = node.start_mark.line if node else 0
    for step in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            found = (node.value[step], node.value[step])
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return line + 1

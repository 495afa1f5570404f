"""Who is told of what, where and when: the rules as data, and which of them match."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cali.core.models import Incident, Scope, Severity

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class When:
    """Which incidents a route is for. `scope` is cluster/namespace/workload/container with `*` and `?`; what is left out
    at its end fits anything. With `tags` the diagnosis must name a knowledge entry that has one of them."""

    scope: tuple[str, ...] = ("*",)
    severity: Severity = Severity.WARNING
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """A place to tell."""

    sink: str
    channel: str = ""
    mention: str = ""

    @property
    def key(self) -> str:
        return f"{self.sink} {self.channel}".strip()


@dataclass(frozen=True, slots=True)
class Route:
    """Whom to tell of what. An empty `send` tells nobody."""

    name: str
    when: When
    send: tuple[Send, ...]


@dataclass(frozen=True, slots=True)
class SinkUse:
    """A sink by its kind, which is the name of its adapter, and what that adapter is to be told."""

    kind: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nobody is to be told of anything less severe than `let`. Hours may pass midnight; they belong to the day on
    which they begin."""

    start: time
    end: time
    zone: ZoneInfo
    days: tuple[str, ...] = DAYS
    let: Severity = Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A time in which trouble of a scope is expected."""

    scope: str
    start: float
    end: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Storm:
    """More new incidents than this within so many seconds get one message together."""

    incidents: int = 10
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules. The first route that matches counts."""

    routes: tuple[Route, ...]
    sinks: Mapping[str, SinkUse] = field(default_factory=dict)
    quiet_hours: QuietHours | None = None
    maintenance: tuple[Maintenance, ...] = ()
    storm: Storm = Storm()
    links: tuple[tuple[str, str], ...] = ()

    def use(self, sink: str) -> SinkUse:
        """What a sink's name means: what is declared for it, otherwise the kind of that name."""
        return self.sinks.get(sink) or SinkUse(sink)


class Routed(NamedTuple):
    """The route of an incident, and for each route that was looked at, why it matched or did not."""

    route: Route | None
    why: tuple[str, ...]


Tags = Callable[[Incident], Collection[str]]


def routed(incident: Incident, rules: Rules, tags: Tags) -> Routed:
    """The first route that matches. `tags` is asked only by routes that name tags."""
    why: list[str] = []
    for route in rules.routes:
        reason = _mismatch(incident, route.when, tags)
        if not reason:
            why.append(f"route {route.name!r}: matches {_said(route.when)}")
            return Routed(route, tuple(why))
        why.append(f"route {route.name!r}: {reason}")
    return Routed(None, (*why, "no route matches: nobody is told"))


def held(incident: Incident, rules: Rules, now: float) -> tuple[str, float]:
    """Why nobody is to be told now, and until when; an empty reason when people may be told."""
    for window in rules.maintenance:
        if window.start <= now < window.end and fits(incident.scope, window.scope):
            return f"maintenance{f' ({window.why})' if window.why else ''}", window.end
    quiet = rules.quiet_hours
    if quiet is not None and incident.severity < quiet.let:
        end = quiet_until(quiet, now)
        if end is not None:
            return "quiet hours", end
    return "", 0.0


def quiet_until(quiet: QuietHours, now: float) -> float | None:
    """The end of the quiet hours that `now` lies in."""
    local = datetime.fromtimestamp(now, UTC).astimezone(quiet.zone)
    for back in (0, 1):
        day = local.date() - timedelta(days=back)
        if DAYS[day.weekday()] not in quiet.days:
            continue
        start = datetime.combine(day, quiet.start, quiet.zone)
        last = day if quiet.end > quiet.start else day + timedelta(days=1)
        end = datetime.combine(last, quiet.end, quiet.zone)
        if start.timestamp() <= now < end.timestamp():
            return end.timestamp()
    return None


def fits(scope: Scope, pattern: str) -> bool:
    """Whether a scope is meant by a pattern; parts that the pattern leaves out at its end fit anything."""
    return all(fnmatchcase(part, wanted) for part, wanted in zip(scope, pattern.split("/"), strict=False))


def _mismatch(incident: Incident, when: When, tags: Tags) -> str:
    if incident.severity < when.severity:
        return f"severity {incident.severity.label} is below {when.severity.label}"
    if not any(fits(incident.scope, pattern) for pattern in when.scope):
        return f"scope {incident.scope} is not {' or '.join(when.scope)}"
    if when.tags and not set(when.tags) & set(tags(incident)):
        return f"its known error has none of the tags {', '.join(when.tags)}"
    return ""


def _said(when: When) -> str:
    told = f"scope {' or '.join(when.scope)}, severity {when.severity.label} or worse"
    return f"{told}, tags {', '.join(when.tags)}" if when.tags else told

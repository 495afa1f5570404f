"""Alert rules as data (routes, quiet hours, maintenance, storms), and their matching against incidents."""

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
    """The condition of a route.

    `scope` is cluster/namespace/workload/container with the wildcards `*` and `?`. Omitted trailing parts match anything.
    With `tags`, the diagnosis must cite a knowledge entry that has at least one of them.
    """

    scope: tuple[str, ...] = ("*",)
    severity: Severity = Severity.WARNING
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """A sink and one of its channels."""

    sink: str
    channel: str = ""
    mention: str = ""

    @property
    def key(self) -> str:
        return f"{self.sink} {self.channel}".strip()


@dataclass(frozen=True, slots=True)
class Route:
    """Destinations for matching incidents. An empty `send` disables notifications."""

    name: str
    when: When
    send: tuple[Destination, ...]


@dataclass(frozen=True, slots=True)
class SinkUse:
    """A sink's kind and its options."""

    kind: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours in which incidents below the `let` severity are delayed.

    The hours can cross midnight. They belong to the day on which they begin.
    """

    start: time
    end: time
    zone: ZoneInfo
    days: tuple[str, ...] = DAYS
    let: Severity = Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A period in which errors of a scope are expected."""

    scope: str
    start: float
    end: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Storm:
    """The rate limit above which new incidents share one message: `incidents` per `seconds`."""

    incidents: int = 10
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules. The first matching route wins."""

    routes: tuple[Route, ...]
    sinks: Mapping[str, SinkUse] = field(default_factory=dict)
    quiet_hours: QuietHours | None = None
    maintenance: tuple[Maintenance, ...] = ()
    storm: Storm = Storm()
    links: tuple[tuple[str, str], ...] = ()

    def use(self, sink: str) -> SinkUse:
        """Return the kind and options of a sink. An undeclared name is itself a kind."""
        return self.sinks.get(sink) or SinkUse(sink)


class RouteMatch(NamedTuple):
    """The route of an incident, and the reason why each tried route matched or did not match."""

    route: Route | None
    why: tuple[str, ...]


Tags = Callable[[Incident], Collection[str]]


def match_route(incident: Incident, rules: Rules, tags: Tags) -> RouteMatch:
    """Return the first matching route. `tags` is called only for routes that name tags."""
    why: list[str] = []
    for route in rules.routes:
        reason = _mismatch(incident, route.when, tags)
        if not reason:
            why.append(f"route {route.name!r}: matches {_describe(route.when)}")
            return RouteMatch(route, tuple(why))
        why.append(f"route {route.name!r}: {reason}")
    return RouteMatch(None, (*why, "no route matches: no notification"))


def hold_reason(incident: Incident, rules: Rules, now: float) -> tuple[str, float]:
    """Return the reason to delay notifications and the end of the delay. The reason is empty if there is no delay."""
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
    """Return the end of the current quiet hours, or None outside of quiet hours."""
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
    """Return True if a scope matches a pattern. Omitted trailing parts of the pattern match anything."""
    return all(fnmatchcase(part, wanted) for part, wanted in zip(scope, pattern.split("/"), strict=False))


def _mismatch(incident: Incident, when: When, tags: Tags) -> str:
    if incident.severity < when.severity:
        return f"severity {incident.severity.label} is below {when.severity.label}"
    if not any(fits(incident.scope, pattern) for pattern in when.scope):
        return f"scope {incident.scope} is not {' or '.join(when.scope)}"
    if when.tags and not set(when.tags) & set(tags(incident)):
        return f"its known error has none of the tags {', '.join(when.tags)}"
    return ""


def _describe(when: When) -> str:
    text = f"scope {' or '.join(when.scope)}, severity {when.severity.label} or worse"
    return f"{text}, tags {', '.join(when.tags)}" if when.tags else text

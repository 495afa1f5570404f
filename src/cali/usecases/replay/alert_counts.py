"""What would have been told, and where: the lifecycles of a replay through the rules of alerts, in the time of the lines.

    changes in order of time --Alerts--> places that count what they are given

The places are never reached. Between two changes the clock goes on, so digests, quiet hours and storms count as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from cali.core.life import Change, ChangeKind, StoredIncident
from cali.core.models import Incident, Origin, Status
from cali.stages.notify.words import words
from cali.usecases.alert import AlertPorts, Alerts

if TYPE_CHECKING:
    from cali.core.models import KnowledgeEntry
    from cali.core.ports import AlertStore, IncidentStore
    from cali.stages.notify import Message, Rules
    from cali.stages.notify.sink import Sink, Style
    from cali.usecases.replay.rerun import ReplayResult

MINUTE = 60.0  # seconds between two looks at what is due, as on AWS
LOOKS = 20_000  # of them at most: a replay of months looks less often


class AlertCount(NamedTuple):
    """What one place would have got: `posts` are messages that arrive anew, the others change or answer one."""

    sink: str
    channel: str
    posts: int = 0
    edits: int = 0
    replies: int = 0


@dataclass(frozen=True, slots=True)
class ReplayStores:
    """Empty stores, for one run."""

    incidents: IncidentStore
    alerts: AlertStore


def count_alerts(
    outcome: ReplayResult,
    rules: Rules,
    style: Callable[[str], Style],
    stores: ReplayStores,
    entry: Callable[[str], KnowledgeEntry | None],
    language: str = "en",
) -> tuple[AlertCount, ...]:
    """What each place would have got, in the order of their names. `style` says of a sink of the rules how it takes
    messages. What the knowledge explains is explained in the first message; what it does not know, nobody explains."""
    if not outcome.changes:
        return ()
    clock = _ReplayClock(outcome.changes[0].at)
    places: dict[str, _CountingSink] = {}

    def sink(name: str) -> Sink:
        if name not in places:
            places[name] = _CountingSink(style(name))
        return places[name]

    alerts = Alerts(
        AlertPorts(stores.incidents, stores.alerts, rules, sink, words(language), clock, clock.sleep, entry)
    )
    incidents = {one.id: one for one in outcome.incidents}
    end = max(outcome.changes[-1].at, outcome.ended or 0.0) + MINUTE
    step = max(MINUTE, (end - clock.time) / LOOKS)
    for change in outcome.changes:
        _until(change.at, clock, step, alerts)
        _keep(stores.incidents, incidents[change.incident], change)
        alerts.handle(change)
    _until(end, clock, step, alerts)
    return tuple(
        AlertCount(name, channel, *counts)
        for name, place in sorted(places.items())
        for channel, counts in sorted(place.counts.items())
    )


def _until(time: float, clock: _ReplayClock, step: float, alerts: Alerts) -> None:
    while clock.time + step <= time:
        clock.time += step
        alerts.flush()
    clock.time = max(clock.time, time)


def _keep(store: IncidentStore, incident: Incident, change: Change) -> None:
    """The incident as it was right after a change."""
    known = store.get(incident.id)
    told = incident.diagnosis is not None and incident.diagnosis.origin is not Origin.NONE
    active = Status.DIAGNOSED if told else Status.OPENED
    quiet = change.kind is ChangeKind.QUIET
    now = replace(
        incident,
        count=change.count,
        severity=change.severity,
        status=Status.QUIET if quiet else active,
        diagnosis=incident.diagnosis if told else None,
        last_seen=None if incident.last_seen is None else min(incident.last_seen, change.at),
    )
    store.put(
        StoredIncident(
            now,
            heard_at=change.at,
            changes=change.number,
            quiet_at=change.at if quiet else None,
            version=known.version if known else 0,
        )
    )


class _ReplayClock:
    def __init__(self, time: float) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class _CountingSink:
    """Takes everything, and counts by channel: posts, edits, replies. A message's name begins with its channel."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.counts: dict[str, list[int]] = {}
        self._named = 0

    def post(self, message: Message, channel: str) -> str:  # noqa: ARG002 - as a Sink's
        self._count(channel, 0)
        self._named += 1
        return f"{channel} {self._named}"

    def edit(self, ref: str, message: Message) -> None:  # noqa: ARG002 - as a LivingSink's
        self._count(ref.rpartition(" ")[0], 1)

    def reply(self, ref: str, key: str, text: str, *, broadcast: bool) -> None:  # noqa: ARG002 - as a LivingSink's
        self._count(ref.rpartition(" ")[0], 2)

    def find(self, key: str, channel: str, since: float, thread: str = "") -> str:  # noqa: ARG002 - as a LivingSink's
        return ""

    def _count(self, channel: str, what: int) -> None:
        self.counts.setdefault(channel, [0, 0, 0])[what] += 1

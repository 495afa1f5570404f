"""Alert counts of a replay: the messages that each channel would have received.

    changes in order of time --Alerts--> sinks that only count

Nothing is sent. The clock follows the times of the lines, so digests, quiet hours and storms are counted too.
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
    from cali.stages.notify.content import Message
    from cali.stages.notify.rules import Rules
    from cali.stages.notify.sink import Sink, Style
    from cali.usecases.replay.rerun import ReplayResult

MINUTE = 60.0  # seconds between two flushes, as on AWS
LOOKS = 20_000  # maximum number of flushes; a replay of months flushes less often


class AlertCount(NamedTuple):
    """The messages to one channel. `posts` are new messages; edits and replies refer to an earlier one."""

    sink: str
    channel: str
    posts: int = 0
    edits: int = 0
    replies: int = 0


@dataclass(frozen=True, slots=True)
class ReplayStores:
    """The stores of one run, empty at its start."""

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
    """Return the messages of each channel, in order of sink and channel.

    `style` returns the style of a sink in the rules. A known incident has its diagnosis from its first message on; an
    unknown one never has one.
    """
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
    """Store the incident as it was right after a change."""
    known = store.get(incident.id)
    explained = incident.diagnosis is not None and incident.diagnosis.origin is not Origin.NONE
    active = Status.DIAGNOSED if explained else Status.OPENED
    quiet = change.kind is ChangeKind.QUIET
    now = replace(
        incident,
        count=change.count,
        severity=change.severity,
        status=Status.QUIET if quiet else active,
        diagnosis=incident.diagnosis if explained else None,
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
    """A sink that counts posts, edits and replies by channel. The name of a message begins with its channel."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.counts: dict[str, list[int]] = {}
        self._named = 0

    def post(self, message: Message, channel: str) -> str:  # noqa: ARG002 - part of Sink
        self._count(channel, 0)
        self._named += 1
        return f"{channel} {self._named}"

    def edit(self, ref: str, message: Message) -> None:  # noqa: ARG002 - part of LivingSink
        self._count(ref.rpartition(" ")[0], 1)

    def reply(self, ref: str, key: str, text: str, *, broadcast: bool) -> None:  # noqa: ARG002 - part of LivingSink
        self._count(ref.rpartition(" ")[0], 2)

    def find(self, key: str, channel: str, since: float, thread: str = "") -> str:  # noqa: ARG002 - part of LivingSink
        return ""

    def _count(self, channel: str, what: int) -> None:
        self.counts.setdefault(channel, [0, 0, 0])[what] += 1

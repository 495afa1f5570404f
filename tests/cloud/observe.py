"""The results of a run: incidents, alerts, quarantine, calls, latencies. Two runs can be compared."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cali.core.life import StoredIncident
from cali.stages.notify.state import AlertState
from cali.testing import SlackMessage

_INCIDENT = re.compile(r"\bincident ([0-9a-f]{16})\b")
_EXPLAINED = "] Explained: "


class Alert(NamedTuple):
    """A message of CALI in Slack."""

    incident: str
    kind: str
    at: float


class Seen(NamedTuple):
    """The fields of an incident that must be equal in every run over the same logs."""

    template: str
    scope: str
    severity: str
    events: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run. Latencies are seconds from the put of an incident's first line to its first alert."""

    put: int
    poison: int
    incidents: Mapping[str, Seen]
    alerts: Sequence[Alert]
    quarantined: Mapping[str, str]  # id -> reason
    model_calls: int
    model_questions: int
    latencies: Sequence[float]
    iterator_age: float
    longest_batch: float
    dropped: int
    unread: int
    waiting: int = 0  # pending blocks
    told: Collection[str] = ()  # incidents with a message, or listed under their root's message
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def twice(self) -> list[str]:
        """Return the alerts that were sent more than once."""
        seen = Counter((alert.incident, alert.kind) for alert in self.alerts)
        return sorted(f"{kind} {incident}" for (incident, kind), count in seen.items() if count > 1)

    def lines(self) -> list[str]:
        """Return the summary that is printed at the end of a run."""
        p50, p95 = percentile(self.latencies, 0.5), percentile(self.latencies, 0.95)
        reasons = Counter(self.quarantined.values())
        said = [
            f"records put         {self.put:,}, {self.poison:,} of them poison",
            f"incidents           {len(self.incidents):,} with {sum(i.events for i in self.incidents.values()):,} events",
            f"alerts              {len(self.alerts):,} of {len(self.told):,} incidents, sent twice: {len(self.twice)}",
            f"quarantined         {len(self.quarantined):,} {dict(reasons.most_common(5)) if reasons else ''}",
            f"model calls         {self.model_calls}, for {self.model_questions} different questions",
            f"put to alert        p50 {p50:.2f} s, p95 {p95:.2f} s over {len(self.latencies)}",
            f"iterator age        {self.iterator_age:.2f} s at most; one batch took {self.longest_batch:.2f} s at most",
            f"given up by Lambda  {self.dropped:,}; left unread {self.unread:,}; blocks that still wait {self.waiting:,}",
        ]
        return [*said, *(f"{name:<19} {value:,}" for name, value in sorted(self.counts.items()))]


def differences(wanted: Summary, got: Summary) -> list[str]:
    """Return the differences between two runs over the same logs."""
    said = []
    for name in sorted(wanted.incidents.keys() | got.incidents.keys()):
        before, after = wanted.incidents.get(name), got.incidents.get(name)
        if before != after:
            said.append(f"incident {name}: {before} became {after}")
    said += [f"alert of {name}: only in one run" for name in sorted({*wanted.told} ^ {*got.told})]
    said += [f"alert sent twice: {name}" for name in got.twice]
    if len(got.quarantined) != got.poison:
        said.append(f"{got.poison} poison records, {len(got.quarantined)} in quarantine")
    if got.dropped or got.unread or got.waiting:
        said.append(
            f"{got.dropped} records given up, {got.unread} unread, {got.waiting} blocks still waiting"
        )
    return said


def seen(stored: Iterable[StoredIncident]) -> dict[str, Seen]:
    """Return the compared fields of incidents."""
    return {
        item.incident.id: Seen(
            item.incident.template.text, str(item.incident.scope), item.incident.severity.label, item.incident.count
        )
        for item in stored
    }  # fmt: skip


def alert_of(message: SlackMessage) -> Alert | None:
    """Return the alert of a message, or None if it is about no incident. An explanation is an alert of its own.

    The last incident that a message names is its own. Before it comes the incident that it follows from.
    """
    named = _INCIDENT.findall(message.text)
    if not named:
        return None
    kind = "explained" if _EXPLAINED in str(message.content.get("text", "")) else "opened"
    return Alert(named[-1], kind, message.at)


def is_told(state: AlertState) -> bool:
    """Return whether an incident has a message, or is listed under its root's message."""
    return any(told.posts or told.under for told in state.sent.values())


def is_pending(state: AlertState) -> bool:
    """Return whether a message is waiting or being sent."""
    return bool(state.busy) or any(
        told.failures or told.trying or told.waiting for told in state.sent.values()
    )


def latencies(
    stored: Iterable[StoredIncident], alerts: Sequence[Alert], arrived: Mapping[str, float]
) -> list[float]:
    """For each incident that was alerted the seconds since its first line arrived. `arrived` has the time of each record
    by its sequence number."""
    first: dict[str, float] = {}
    for alert in alerts:
        first.setdefault(alert.incident, alert.at)
    found = []
    for item in stored:
        incident = item.incident
        put = arrived.get(str(incident.first_line >> 20))
        if put is not None and incident.id in first:
            found.append(first[incident.id] - put)
    return found


def emitted(lines: Iterable[str]) -> Counter[str]:
    """The sums of the metrics that functions wrote to their logs in CloudWatch's embedded format."""
    sums: Counter[str] = Counter()  # whole numbers: the local model costs nothing
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            held: dict[str, Any] = json.loads(line)
            names = [
                metric["Name"]
                for part in held["_aws"]["CloudWatchMetrics"]
                for metric in part["Metrics"]
                if metric.get("Unit") == "Count"
            ]
        except (ValueError, KeyError, TypeError):
            continue
        for name in names:
            values = held.get(name, 0)
            sums[name] += int(sum(values) if isinstance(values, list) else values)
    return sums


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies; 0 without values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

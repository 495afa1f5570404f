"""Lifecycles of incidents by the times of the lines: when each opened, escalated, went quiet and recurred.

The rules are those of `cali.stages.detect.lifecycle`, applied to the events of an incident in the order of the lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from cali.core.life import Change, ChangeKind
from cali.core.models import Event, Incident, Scope, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cali.stages.detect import LifePolicy

MOST = 5_000  # maximum lifecycles: five times the incidents that a detector lists
TURNS = 64  # maximum changes kept per incident


class LifecycleTurn(NamedTuple):
    """One change of an incident, before it has a number."""

    kind: ChangeKind
    at: float
    severity: Severity
    events: int


@dataclass(slots=True)
class _Life:
    last: float
    severity: Severity
    count: int = 1
    flaps: int = 0
    turns: list[LifecycleTurn] = field(default_factory=list)


class LifecycleReplay:
    """Lifecycles of all incidents. The detector must call `judge` instead of `raises`."""

    def __init__(self, raises: Callable[[Event], Severity | None], policy: LifePolicy) -> None:
        self._raises = raises
        self._policy = policy
        self._raised: dict[tuple[str, Severity, bool], Severity] = {}
        self._lives: dict[tuple[Scope, str], _Life] = {}
        self.time: float | None = None  # the latest of any event

    def judge(self, event: Event) -> Severity | None:
        """Return `raises(event)` and cache it: the detector calls this once for all events of one kind."""
        severity = self._raises(event)
        if severity is not None:
            self._raised[event.template.id, event.severity, event.levelled] = severity
        return severity

    def observe(self, event: Event) -> None:
        """Count an event after the detector has observed it."""
        if event.time is not None and (self.time is None or event.time > self.time):
            self.time = event.time
        severity: Severity | None = event.severity
        if event.severity < Severity.ERROR:
            severity = self._raised.get((event.template.id, event.severity, event.levelled))
        if severity is not None:
            self._lived(event, severity)

    def changes(self, incidents: Iterable[Incident], end: float | None) -> tuple[Change, ...]:
        """Return the changes of these incidents until `end`, in order of time, then id."""
        found: list[Change] = []
        for incident in incidents:
            life = self._lives.get((incident.scope, incident.template.id))
            if life is None:
                continue
            turns = list(life.turns)
            silence = self._silence(life)
            if end is not None and end - life.last >= silence:
                turns.append(LifecycleTurn(ChangeKind.QUIET, life.last + silence, life.severity, life.count))
            found += [Change(incident.id, number, *turn) for number, turn in enumerate(turns, 1)]
        return tuple(sorted(found, key=lambda change: (change.at, change.incident, change.number)))

    def _lived(self, event: Event, severity: Severity) -> None:
        time = event.time if event.time is not None else self.time or 0.0
        key = (event.scope, event.template.id)
        life = self._lives.get(key)
        if life is None:
            if len(self._lives) < MOST:
                self._lives[key] = _Life(
                    time, severity, turns=[LifecycleTurn(ChangeKind.OPENED, time, severity, 1)]
                )
            return
        life.count += 1
        silence = self._silence(life)
        if time - life.last >= silence:
            self._came_back(life, time, life.last + silence)
        if severity > life.severity:
            life.severity = severity
            self._turn(life, LifecycleTurn(ChangeKind.ESCALATED, time, severity, life.count))
        life.last = max(life.last, time)

    def _came_back(self, life: _Life, time: float, quiet_at: float) -> None:
        policy = self._policy
        soon = time - quiet_at < policy.flap_window
        life.flaps = min(life.flaps + 1, policy.flap_limit) if soon else 0
        self._turn(life, LifecycleTurn(ChangeKind.QUIET, quiet_at, life.severity, life.count - 1))
        self._turn(life, LifecycleTurn(ChangeKind.RECURRED, time, life.severity, life.count))

    def _silence(self, life: _Life) -> float:
        return self._policy.quiet_after * 2.0 ** min(life.flaps, self._policy.flap_limit)

    @staticmethod
    def _turn(life: _Life, turn: LifecycleTurn) -> None:
        if len(life.turns) < TURNS:
            life.turns.append(turn)

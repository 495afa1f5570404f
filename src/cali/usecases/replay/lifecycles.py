"""The lifecycles of incidents in the time of the lines: when each opened, escalated, fell quiet and came back.

The rules are those of `cali.stages.detect.lifecycle`, applied to the events of one incident in the order of the lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from cali.core.life import Change, ChangeKind
from cali.core.models import Event, Incident, Scope, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cali.stages.detect import LifePolicy

MOST = 5_000  # lifecycles that are followed: five times what a detector lists
TURNS = 64  # changes of one life that are kept


class LifecycleTurn(NamedTuple):
    """One change in a life, before it has a number."""

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
    """Follows the events that count for incidents. `raises` is asked as a detector asks it, through `judge`."""

    def __init__(self, raises: Callable[[Event], Severity | None], policy: LifePolicy) -> None:
        self._raises = raises
        self._policy = policy
        self._raised: dict[tuple[str, Severity, bool], Severity] = {}
        self._lives: dict[tuple[Scope, str], _Life] = {}
        self.time: float | None = None  # the latest of any event

    def judge(self, event: Event) -> Severity | None:
        """What `raises` says, remembered: a detector asks once for all events alike, and judges the others by it."""
        severity = self._raises(event)
        if severity is not None:
            self._raised[event.template.id, event.severity, event.levelled] = severity
        return severity

    def observe(self, event: Event) -> None:
        """Takes an event into account that the detector has seen."""
        if event.time is not None and (self.time is None or event.time > self.time):
            self.time = event.time
        severity: Severity | None = event.severity
        if event.severity < Severity.ERROR:
            severity = self._raised.get((event.template.id, event.severity, event.levelled))
        if severity is not None:
            self._lived(event, severity)

    def changes(self, incidents: Iterable[Incident], end: float | None) -> tuple[Change, ...]:
        """The changes of these incidents until `end`, in the order of time; of one time in the order of ids."""
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

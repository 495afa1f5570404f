"""From events to incidents: what is bad enough, gathered by scope and fingerprint, in bounded memory.

    event -> verdict (remembered per template, level and severity) -> passes | heals a warning | counts for an incident

Nearly all events pass, so a verdict costs one look into a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cali.core.models import Event, Incident, Scope, Severity
from cali.stages.detect.recovery import speaks_of_success, undoes
from cali.stages.detect.tracker import DetectPolicy, IncidentTracker

_PASS, _HEALS, _RAISES = 1, 2, 3  # 0 is not yet judged; a severity is added to the last
_SEVERITIES = tuple(Severity)
_UNJUDGED = bytes(len(Severity))

_Key = tuple[Scope, str]


class Folded(NamedTuple):
    """What was dropped to hold the bound on distinct incidents: the least severe, rarest and latest."""

    incidents: int = 0
    events: int = 0

    def __str__(self) -> str:
        return f"{self.incidents:,} less severe or rarer incidents ({self.events:,} events) are not listed"


class Detector:
    """Gathers incidents from events given one by one. `raises` gives the severity of the known error that an event is, or
    None; it is asked once for each template, level and severity, and only of what does not speak for itself."""

    def __init__(
        self, raises: Callable[[Event], Severity | None], policy: DetectPolicy | None = None
    ) -> None:
        self._raises = raises
        self._policy = policy or DetectPolicy()
        self._levelled: dict[str, bytearray] = {}
        self._plain: dict[str, bytearray] = {}
        self._kept: dict[_Key, IncidentTracker] = {}
        self._soft: dict[Scope, set[_Key]] = {}  # incidents of warnings alone, which a success can undo
        self.folded = Folded()
        self.undone = 0  # warnings of which a later line said that it had worked after all

    def observe(self, event: Event) -> None:
        """Takes one event into account. Events of one scope come in the order in which they were written."""
        verdicts = (self._levelled if event.levelled else self._plain).get(event.template.id, _UNJUDGED)
        verdict = verdicts[event.severity] or self._judge(event)
        if verdict > _PASS:
            self._note(event, verdict)

    def incidents(self) -> list[Incident]:
        """The incidents so far, in the order of their first lines. The samples' times and lines are the input's."""
        self._fold()
        found = sorted(self._kept.values(), key=lambda kept: kept.lines[0])
        return [kept.incident() for kept in found]

    def positions(self, scope: Scope, fingerprint: str) -> tuple[tuple[int, int], ...]:
        """The lines at which an incident's events began, each with how many began there; see `DetectPolicy.positions`."""
        kept = self._kept.get((scope, fingerprint))
        return tuple(sorted(kept.positions.items())) if kept else ()

    def _judge(self, event: Event) -> int:
        memo = self._levelled if event.levelled else self._plain
        verdicts = memo.get(event.template.id)
        if verdicts is None:
            if len(memo) >= self._policy.templates:
                memo.clear()
            verdicts = memo[event.template.id] = bytearray(_UNJUDGED)
        verdict = verdicts[event.severity] = self._verdict(event)
        return verdict

    def _verdict(self, event: Event) -> int:
        severity = event.severity
        if severity >= Severity.ERROR:
            return _RAISES + severity
        heals = speaks_of_success(event.message)
        if severity == Severity.WARNING or not (event.levelled or heals):
            known = self._raises(event)
            if known is not None:
                return _RAISES + known
        return _HEALS if heals else _PASS

    def _note(self, event: Event, verdict: int) -> None:
        if verdict == _HEALS:
            if event.scope in self._soft:
                self._heal(event)
            return
        severity = _SEVERITIES[verdict - _RAISES]
        key = (event.scope, event.template.id)
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= 2 * self._policy.incidents:
                self._fold()
            self._kept[key] = IncidentTracker(event, severity, self._policy)
            if event.severity < Severity.ERROR:
                self._soft.setdefault(event.scope, set()).add(key)
            return
        kept.add(event, severity)
        if event.severity >= Severity.ERROR:
            self._harden(key)

    def _heal(self, event: Event) -> None:
        for key in sorted(self._soft[event.scope]):
            kept = self._kept[key]
            if kept.count <= self._policy.undone and undoes(event.message, kept.complains()):
                del self._kept[key]
                self._harden(key)
                self.undone += 1

    def _harden(self, key: _Key) -> None:
        soft = self._soft.get(key[0])
        if soft is not None:
            soft.discard(key)
            if not soft:
                del self._soft[key[0]]

    def _fold(self) -> None:
        """Drops what is beyond the bound. Twice the bound is let in before, so that folding is rare."""
        over = len(self._kept) - self._policy.incidents
        if over <= 0:
            return
        ranked = sorted(
            self._kept.items(), key=lambda pair: (-pair[1].severity, -pair[1].count, pair[1].lines[0])
        )
        dropped = ranked[-over:]
        for key, _ in dropped:
            del self._kept[key]
            self._harden(key)
        events = sum(kept.count for _, kept in dropped)
        self.folded = Folded(self.folded.incidents + over, self.folded.events + events)

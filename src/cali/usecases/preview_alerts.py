"""The use case of `cali alerts test`: the alerts that the rules would send for incidents. Nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cali.core.life import Change, ChangeKind, StoredIncident
from cali.core.models import Incident, Status
from cali.core.ports import IncidentStore
from cali.stages.notify.content import Message
from cali.stages.notify.context import ContextBuilder
from cali.stages.notify.decide import Effect, Post, Target, decide, enroll, record_change
from cali.stages.notify.state import AlertState

_KINDS = {
    Status.REGRESSED: ChangeKind.REGRESSED,
    Status.QUIET: ChangeKind.QUIET,
    Status.RESOLVED: ChangeKind.RESOLVED,
    Status.MUTED: ChangeKind.MUTED,
}


@dataclass(frozen=True, slots=True)
class PreviewedEffect:
    """An effect on one place. `message` is the new message, or None if the effect posts none."""

    effect: Effect
    target: Target
    message: Message | None


@dataclass(frozen=True, slots=True)
class AlertPreview:
    """The effects of an incident's first change, and the reasons for its route."""

    incident: Incident
    why: Sequence[str]
    effects: Sequence[PreviewedEffect]


def preview_alerts(
    incidents: Sequence[Incident], store: IncidentStore, contexts: ContextBuilder, now: float
) -> list[AlertPreview]:
    """Put the incidents into an empty store, and return the alerts that their first changes would cause."""
    for incident in incidents:
        if store.get(incident.id) is None:
            store.put(_stored(incident, now))
    return [_preview(incident, contexts, now) for incident in incidents]


def _preview(incident: Incident, contexts: ContextBuilder, now: float) -> AlertPreview:
    stored = _stored(incident, now)
    kind = _KINDS.get(incident.status, ChangeKind.OPENED)
    change = Change(incident.id, 1, kind, now, incident.severity, incident.count)
    places = contexts.places(stored, AlertState())
    state = record_change(enroll(AlertState(), places), change)
    context = contexts.build(stored, state, change, now, places)
    effects = []
    for effect in decide(change, state, context, now):
        target = context.targets[effect.target]
        post = isinstance(effect, Post)
        shown = replace(target.message, key=f"{incident.id}/preview", kind=kind.value) if post else None
        effects.append(PreviewedEffect(effect, target, shown))
    return AlertPreview(incident, contexts.route(incident).why, effects)


def _stored(incident: Incident, now: float) -> StoredIncident:
    return StoredIncident(incident, incident.last_seen or now, changes=1)

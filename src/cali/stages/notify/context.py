"""The input of a decision: the places for an incident, and the current message for each place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from cali.core.errors import Misconfigured
from cali.core.life import Change, ChangeKind, StoredIncident
from cali.core.models import Incident, KnowledgeEntry, Origin, Severity, Status
from cali.core.ports import IncidentStore
from cali.stages.notify.content import MessageContext, message
from cali.stages.notify.decide import AlertContext, Effect, Post, Reply, RoutedDestination, Target
from cali.stages.notify.rules import Destination, RouteMatch, Rules, hold_reason, match_route
from cali.stages.notify.sink import Sink, Style
from cali.stages.notify.state import AlertState, ThreadLine
from cali.stages.notify.words import Words

ACTIVE = (Status.OPENED, Status.DIAGNOSED, Status.REGRESSED)


class ContextBuilder:
    """A builder of contexts for one set of rules."""

    def __init__(
        self,
        rules: Rules,
        sink: Callable[[str], Sink],
        incidents: IncidentStore,
        say: Words,
        entry: Callable[[str], KnowledgeEntry | None],
        answers: bool = True,
    ) -> None:
        self._rules = rules
        self._sink = sink
        self._incidents = incidents
        self._say = say
        self._entry = entry
        self._answers = answers

    def route(self, incident: Incident) -> RouteMatch:
        """Return the route of an incident, with the reason."""
        return match_route(incident, self._rules, self._tags)

    def styles(self, stored: StoredIncident) -> set[Style]:
        """Return the styles of the places on an incident's route."""
        route = self.route(stored.incident).route
        return {self._sink(send.sink).style for send in route.send} if route else set()

    def places(self, stored: StoredIncident, state: AlertState) -> dict[str, RoutedDestination]:
        """Return the places of the current route, and earlier places whose message needs updates."""
        route = self.route(stored.incident).route
        found = {one.key: one for one in route.send} if route else {}
        for key, sent in state.sent.items():
            if key not in found and (sent.ref or sent.posts):
                found[key] = Destination(*key.partition(" ")[::2])
        places = {}
        for key, destination in found.items():
            try:
                places[key] = RoutedDestination(destination, self._sink(destination.sink).style)
            except Misconfigured:
                if route and destination in route.send:
                    raise  # skip only places that the rules no longer name
        return places

    def build(
        self,
        stored: StoredIncident,
        state: AlertState,
        change: Change | None,
        now: float,
        places: Mapping[str, RoutedDestination],
    ) -> AlertContext:
        """Return the context of a decision. Each message is built once."""
        why, until = hold_reason(stored.incident, self._rules, now)
        targets = {key: self._target(place, stored, state, change) for key, place in places.items()}
        root = self._root(stored)
        if root is not None:
            targets = self._under(stored, root, targets)
        return AlertContext(stored, targets, why, until)

    def _target(
        self, place: RoutedDestination, stored: StoredIncident, state: AlertState, change: Change | None
    ) -> Target:
        about = MessageContext(
            kind=change.kind if change else ChangeKind(state.kind) if state.kind else None,
            by=state.by,
            points=state.points,
            followers=state.followers,
            links=self._rules.links,
            references=self._references(stored.incident),
            back=state.quiet_at > 0,
            explained_later=place.style is Style.LIVING,
        )
        answers = self._answers and place.style is Style.LIVING
        shown = message(stored, about, self._say, "", place.destination.mention, answers=answers)
        return Target(place.destination, place.style, shown)

    def _root(self, stored: StoredIncident) -> StoredIncident | None:
        """Return the active incident at the root of the chain that this one follows from. In a cycle, return the earliest."""
        chain = [stored]
        while chain[-1].incident.follows and (chain[-1] is stored or chain[-1].incident.status in ACTIVE):
            before = self._incidents.get(chain[-1].incident.follows)
            if before is None:
                break
            if any(before.incident.id == one.incident.id for one in chain):
                chain.append(min(chain, key=lambda one: (one.incident.first_seen or 0.0, one.incident.id)))
                break
            chain.append(before)
        return chain[-1] if chain[-1].incident.id != stored.incident.id else None

    def _under(
        self, stored: StoredIncident, root: StoredIncident, targets: dict[str, Target]
    ) -> dict[str, Target]:
        """Mark the places that also have a message of the root incident."""
        route = self.route(root.incident).route
        shared = {send.key for send in route.send} & targets.keys() if route else set[str]()
        active = root.incident.status in ACTIVE
        ended = max(root.quiet_at or 0.0, root.resolved_at or 0.0)
        over = not active and (root.incident.status is Status.MUTED or stored.heard_at <= ended)
        if not active and not over:
            return targets  # this incident continues although the root is over
        placed = {
            key: replace(targets[key], root=root.incident.id if active else "", root_over=over)
            for key in shared
        }
        return {**targets, **placed}

    def _tags(self, incident: Incident) -> Collection[str]:
        entry = self._known(incident)
        return entry.tags if entry else ()

    def _references(self, incident: Incident) -> tuple[str, ...]:
        entry = self._known(incident)
        return entry.references if entry else ()

    def _known(self, incident: Incident) -> KnowledgeEntry | None:
        diagnosis = incident.diagnosis
        if diagnosis is None or diagnosis.origin is not Origin.KNOWLEDGE or not diagnosis.knowledge:
            return None
        return self._entry(diagnosis.knowledge[0].id)


def key_of(effect: Effect, context: AlertContext, state: AlertState) -> str:
    """Return the unique key of an effect's message."""
    incident = context.stored.incident.id
    if isinstance(effect, Reply):
        return f"{incident}/{effect.line.key}"
    if not isinstance(effect, Post):
        return f"{incident}/message-{state.episode}"
    if effect.line is not None:
        return f"{incident}/{effect.line.key}"
    reposts = state.of(effect.target).reposts
    second = "" if effect.opens or reposts else f"/{effect.kind}"
    return f"{incident}/message-{state.episode}{second}{f'/{reposts}' if reposts else ''}"


def reply_text(line: ThreadLine, say: Words) -> str:
    """Return the text of a reply."""
    count = f"{line.count:,}"
    match line.kind:
        case "followed":
            return say("reply_followed", title=line.title)
        case "resolved":
            return say("reply_resolved", name=line.by) if line.by else say("reply_resolved_plain")
        case "escalated":
            return say(
                "reply_escalated", severity=say(f"severity_{Severity(line.severity).label}"), count=count
            )
    return say(f"reply_{line.kind}", count=count)

"""Sets the scene for a decision: where an incident is to be told, and the message that each place would show."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from cali.core.errors import Misconfigured
from cali.core.life import Change, ChangeKind, StoredIncident
from cali.core.models import Incident, KnowledgeEntry, Origin, Severity, Status
from cali.core.ports import IncidentStore
from cali.stages.notify.content import Context, message
from cali.stages.notify.decide import Action, Post, Reply, Scene, Target
from cali.stages.notify.rules import Routed, Rules, Send, held, routed
from cali.stages.notify.sink import Sink, Style
from cali.stages.notify.state import AlertState, Line
from cali.stages.notify.words import Words

ACTIVE = (Status.OPENED, Status.DIAGNOSED, Status.REGRESSED)


class Setting:
    """Sets scenes under one set of rules."""

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

    def route(self, incident: Incident) -> Routed:
        """The route of an incident, and why."""
        return routed(incident, self._rules, self._tags)

    def styles(self, stored: StoredIncident) -> set[Style]:
        """How the places that an incident goes to take messages."""
        route = self.route(stored.incident).route
        return {self._sink(send.sink).style for send in route.send} if route else set()

    def targets(self, stored: StoredIncident, state: AlertState, change: Change | None) -> dict[str, Target]:
        """The places of its route now, and those that were told before: they hear how it goes on."""
        route = self.route(stored.incident).route
        sends = {send.key: send for send in route.send} if route else {}
        for key in state.told:
            if key not in sends and (state.told[key].ref or state.told[key].posts):
                name, _, channel = key.partition(" ")
                sends[key] = Send(name, channel)
        told = {}
        for key, send in sends.items():
            try:
                style = self._sink(send.sink).style
            except Misconfigured:
                if route and send in route.send:
                    raise
                continue  # a place that the rules had once
            context = Context(
                kind=change.kind if change else ChangeKind(state.kind) if state.kind else None,
                by=state.by,
                points=state.points,
                followers=state.followers,
                links=self._rules.links,
                references=self._references(stored.incident),
                back=state.quiet_at > 0,
                explained_later=style is Style.LIVING,
            )
            answers = self._answers and style is Style.LIVING
            shown = message(stored, context, self._say, "", send.mention, answers=answers)
            told[key] = Target(send, style, shown)
        return told

    def scene(self, stored: StoredIncident, state: AlertState, change: Change | None, now: float) -> Scene:
        """All that a decision needs."""
        why, until = held(stored.incident, self._rules, now)
        targets = self.targets(stored, state, change)
        root = self._root(stored)
        if root is not None:
            targets = self._under(stored, root, targets)
        return Scene(stored, targets, why, until)

    def _root(self, stored: StoredIncident) -> StoredIncident | None:
        """The incident that broke first of all that led to this one and go on. Of incidents that name each other as
        what broke first, the earliest is it."""
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
        """The places where the incident that broke first is told as well."""
        route = self.route(root.incident).route
        shared = {send.key for send in route.send} & targets.keys() if route else set[str]()
        active = root.incident.status in ACTIVE
        ended = max(root.quiet_at or 0.0, root.resolved_at or 0.0)
        over = not active and (root.incident.status is Status.MUTED or stored.heard_at <= ended)
        if not active and not over:
            return targets  # it goes on though the first one does not
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


def key_of(action: Action, scene: Scene, state: AlertState) -> str:
    """The name, for ever, of what an action sends."""
    incident = scene.stored.incident.id
    if isinstance(action, Reply):
        return f"{incident}/{action.line.key}"
    if isinstance(action, Post) and action.line is not None:
        return f"{incident}/{action.line.key}"
    if isinstance(action, Post):
        told = state.of(action.target)
        second = "" if action.opens or told.reposts else f"/{action.kind}"
        return f"{incident}/message-{state.episode}{second}{f'/{told.reposts}' if told.reposts else ''}"
    return f"{incident}/message-{state.episode}"


def reply_text(line: Line, say: Words) -> str:
    """What is said in a thread."""
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

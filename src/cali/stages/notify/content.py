"""Messages as data, before a sink formats them. All text is plain. Each sink escapes and cuts it to its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from math import isfinite
from typing import NamedTuple
from urllib.parse import quote

from cali.core.life import ChangeKind, StoredIncident
from cali.core.models import Diagnosis, Incident, Origin, Severity, Status
from cali.stages.notify.plain_text import one_line, tidy
from cali.stages.notify.words import Words, words

EVIDENCE = 6  # maximum quoted lines
LISTED = 20  # maximum listed followers, or members of a digest
TITLE = 300
_SURE = ((0.85, "sure_high"), (0.70, "sure_good"), (0.50, "sure_fair"), (0.0, "sure_low"))
_ACTIVE = (Status.OPENED, Status.DIAGNOSED, Status.REGRESSED)


class Standing(StrEnum):
    """The attention that an incident needs."""

    OPEN = "open"
    MUTED = "muted"
    OVER = "over"


class Fact(NamedTuple):
    """A labelled text, or a labelled time that each sink formats in its own way."""

    name: str
    text: str = ""
    at: float | None = None


class Link(NamedTuple):
    """A link to more information, such as a dashboard or a runbook."""

    name: str
    url: str


class IncidentRef(NamedTuple):
    """A reference to an incident in a list."""

    id: str
    title: str
    scope: str
    severity: int = int(Severity.ERROR)


@dataclass(frozen=True, slots=True)
class Message:
    """A message.

    `key` is unique, so that a sink can deduplicate. `thread` is the id of its incident or digest. `answers` adds buttons.
    """

    key: str
    thread: str
    kind: str
    standing: Standing
    severity: Severity
    title: str
    status: str
    facts: tuple[Fact, ...] = ()
    note: str = ""
    cause: str = ""
    sure: str = ""
    fix: tuple[str, ...] = ()
    error: str = ""
    evidence: tuple[str, ...] = ()
    listing_title: str = ""
    listing: tuple[IncidentRef, ...] = ()
    links: tuple[Link, ...] = ()
    mention: str = ""
    answers: bool = False
    incident: Incident | None = field(default=None, compare=False)
    words: Words = field(default_factory=words, compare=False)

    @property
    def summary(self) -> str:
        """Return the message on one line, for a notification."""
        scope = self.facts[0].text if self.incident is not None and self.facts else ""
        return one_line(
            f"[{self.words(f'severity_{self.severity.label}')}] {self.status}: {self.title}", 240
        ) + (f" ({one_line(scope, 120)})" if scope.strip("-") else "")

    @property
    def stamp(self) -> str:
        """Return a hash of the visible content."""
        shown = (
            self.standing,
            self.severity,
            self.title,
            self.status,
            self.facts,
            self.note,
            self.cause,
            self.sure,
        )
        rest = (self.fix, self.error, self.evidence, self.listing, self.links)
        return blake2b(repr((shown, rest)).encode("utf-8", "replace"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The data of a message beyond the incident itself. `points` holds earlier counts as (time, count)."""

    kind: ChangeKind | None = None
    by: str = ""
    points: tuple[tuple[float, int], ...] = ()
    followers: tuple[IncidentRef, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    references: tuple[str, ...] = ()
    back: bool = False  # the incident was quiet before
    explained_later: bool = False  # the message is edited when a diagnosis arrives


def standing(stored: StoredIncident) -> Standing:
    """Return the attention that an incident needs."""
    status = stored.incident.status
    if status in _ACTIVE:
        return Standing.OPEN
    return Standing.MUTED if status is Status.MUTED else Standing.OVER


def message(
    stored: StoredIncident,
    context: MessageContext,
    say: Words,
    key: str,
    mention: str = "",
    *,
    answers: bool = False,
) -> Message:
    """Return the message that shows the current state of an incident."""
    incident, diagnosis = stored.incident, stored.incident.diagnosis
    explained = diagnosis is not None and diagnosis.origin is not Origin.NONE and bool(diagnosis.cause)
    followers = context.followers
    return Message(
        key=key,
        thread=incident.id,
        kind=(context.kind or ChangeKind.OPENED).value,
        standing=standing(stored),
        severity=incident.severity,
        title=one_line(incident.title, TITLE),
        status=_status(stored, context, say),
        facts=_facts(stored, context, say),
        note=_note(stored, context, say),
        cause=tidy(diagnosis.cause) if diagnosis and explained else "",
        sure=_sure(diagnosis, say) if diagnosis and explained else "",
        fix=tuple(map(tidy, diagnosis.fix)) if diagnosis and explained else (),
        error=tidy(incident.samples[0].message if incident.samples else incident.title),
        evidence=_evidence(incident),
        listing_title=say("followers", count=len(followers)) if followers else "",
        listing=followers[:LISTED],
        links=_links(incident, context, say),
        mention=mention,
        answers=answers,
        incident=incident,
        words=say,
    )


def digest(
    key: str, title: str, why: str, members: Sequence[IncidentRef], total: int, say: Words, *, open_: bool
) -> Message:
    """Return one message for many incidents, most severe first."""
    worst = max((member.severity for member in members), default=int(Severity.ERROR))
    listed = sorted(members, key=lambda member: -member.severity)[:LISTED]
    left = total - len(listed)
    return Message(
        key=key,
        thread=key,
        kind="digest",
        standing=Standing.OPEN if open_ else Standing.OVER,
        severity=Severity(worst),
        title=title,
        status=say("opened"),
        note=why + (f"\n{say('more_listed', count=left)}" if left > 0 else ""),
        listing_title=say("worst_first"),
        listing=tuple(listed),
        words=say,
    )


def place(stored: StoredIncident) -> str:
    """Return the known parts of a scope. The container is omitted if it has the workload's name."""
    scope = stored.incident.scope
    parts = [scope.cluster, scope.namespace, scope.workload]
    if scope.container != scope.workload:
        parts.append(scope.container)
    return tidy("/".join(part for part in parts if part)) or "-"


def reference(stored: StoredIncident) -> IncidentRef:
    """Return a reference to an incident."""
    incident = stored.incident
    return IncidentRef(incident.id, one_line(incident.title, 120), place(stored), int(incident.severity))


def _status(stored: StoredIncident, context: MessageContext, say: Words) -> str:
    by = f" {say('by', name=one_line(context.by, 60))}" if context.by else ""
    match stored.incident.status:
        case Status.RESOLVED:
            return say("resolved") + by
        case Status.MUTED:
            return say("muted") + by
        case Status.QUIET:
            return f"{say('quiet')}: {say('over')}"
        case Status.REGRESSED:
            return say("regressed")
    if context.back:
        return say("recurred")
    diagnosis = stored.incident.diagnosis
    return say("explained" if diagnosis is not None and diagnosis.cause else "opened")


def _note(stored: StoredIncident, context: MessageContext, say: Words) -> str:
    """Return the note that explains a missing cause. It is empty for an incident that is over."""
    diagnosis = stored.incident.diagnosis
    if (diagnosis is not None and diagnosis.cause) or standing(stored) is Standing.OVER:
        return ""
    if diagnosis is None:
        return say("waiting" if context.explained_later else "unexplained")
    return say("no_cause")


def _facts(stored: StoredIncident, context: MessageContext, say: Words) -> tuple[Fact, ...]:
    incident = stored.incident
    facts = [
        Fact(say("fact_scope"), place(stored)),
        Fact(say("fact_severity"), say(f"severity_{incident.severity.label}")),
        Fact(say("fact_count"), _count(incident.count, context.points, say)),
    ]
    if incident.first_seen is not None:
        facts.append(Fact(say("fact_first"), at=incident.first_seen))
    if incident.last_seen is not None and incident.last_seen != incident.first_seen:
        facts.append(Fact(say("fact_last"), at=incident.last_seen))
    if stored.resolved_at is not None and incident.status is not Status.RESOLVED:
        facts.append(Fact(say("fact_fixed"), at=stored.resolved_at))
    if incident.status is Status.MUTED:
        ever = say("for_ever") if stored.muted_until is None else ""
        facts.append(Fact(say("fact_until"), ever, stored.muted_until))
    if incident.follows:
        facts.append(Fact(say("fact_follows"), say("incident", id=incident.follows)))
    return tuple(facts)


def _count(count: int, points: tuple[tuple[float, int], ...], say: Words) -> str:
    if len(points) > 1:
        (start, before), (end, _) = points[0], points[-1]
        minutes = max(1, round((end - start) / 60))
        if count > before:
            return say("trend", count=f"{count:,}", more=f"{count - before:,}", minutes=minutes)
    return say("count", count=f"{count:,}")


def _sure(diagnosis: Diagnosis, say: Words) -> str:
    word = next(key for least, key in _SURE if diagnosis.confidence >= least or least == 0.0)
    text = f"{say(word)} ({diagnosis.confidence:.2f})"
    if diagnosis.origin is Origin.MODEL:
        return f"{text}, {say('from_model')}"
    return (
        f"{text}, {say('from_knowledge', entry=diagnosis.knowledge[0].id)}" if diagnosis.knowledge else text
    )


def _evidence(incident: Incident) -> tuple[str, ...]:
    """Return the lines that prove a cause, without lines that the error itself shows."""
    diagnosis = incident.diagnosis
    if diagnosis is None or diagnosis.origin is Origin.NONE:
        return ()
    shown = set(incident.samples[0].message.split("\n")) if incident.samples else set[str]()
    return tuple(tidy(piece.text) for piece in diagnosis.evidence if piece.text not in shown)[:EVIDENCE]


def _links(incident: Incident, context: MessageContext, say: Words) -> tuple[Link, ...]:
    scope = incident.scope
    first = incident.first_seen or 0.0
    last = incident.last_seen or first
    values = {
        "id": incident.id,
        "fingerprint": incident.template.id,
        "cluster": scope.cluster,
        "namespace": scope.namespace,
        "workload": scope.workload,
        "container": scope.container,
        "from_ms": _ms(first - 300),
        "to_ms": _ms(last + 300),
        "entry": incident.diagnosis.knowledge[0].id
        if incident.diagnosis and incident.diagnosis.knowledge
        else "",
    }
    made = [Link(name, _filled(url, values)) for name, url in context.links]
    runbooks = [Link(say("runbook", count=place), url) for place, url in enumerate(context.references[:3], 1)]
    return tuple(link for link in [*made, *runbooks] if link.url.startswith(("https://", "http://")))


def _ms(at: float) -> str:
    """Return a time in milliseconds for a URL, or 0 if it is not finite."""
    return str(int(at * 1000)) if isfinite(at) else "0"


def _filled(url: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        url = url.replace("{" + name + "}", quote(value, safe=""))
    return url

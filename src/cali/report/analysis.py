"""What one run over a log found: the input of every renderer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cali.core.models import Evidence, Incident, Origin, Severity


class Spend(Protocol):
    """What a model cost, as `cali.stages.reason` counts it. `priced` is false when no dollars are known for the model."""

    @property
    def calls(self) -> int: ...
    @property
    def cached(self) -> int: ...
    @property
    def dollars(self) -> float: ...
    @property
    def priced(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """What went through. `quarantine` holds the line number and the reason of the first lines that could not be read,
    never the lines; `healthy` counts by severity the events that belong to no incident."""

    lines: int
    events: int
    templates: int
    quarantined: int = 0
    quarantine: tuple[Evidence, ...] = ()
    seconds: float | None = None
    sources: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    spend: Spend | None = None
    healthy: Mapping[Severity, int] = field(default_factory=dict)
    began: float | None = None  # the earliest and the latest time in the log, seconds since the epoch
    ended: float | None = None

    @property
    def lines_per_second(self) -> float | None:
        return self.lines / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class Analysis:
    """A summary and the incidents in display order. `context` holds, by incident id, lines around its evidence."""

    summary: Summary
    incidents: tuple[Incident, ...] = ()
    context: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)


class IncidentGroup(NamedTuple):
    """An incident to look at, and those that followed from it."""

    root: Incident
    followers: tuple[Incident, ...]


def groups(analysis: Analysis) -> list[IncidentGroup]:
    """Every incident once, in display order: the roots, each with its followers. Who follows somebody that is not
    there, or only others that follow, stands as a root."""
    by_id = {incident.id: incident for incident in analysis.incidents}
    followers: dict[str, list[Incident]] = {}
    roots: list[Incident] = []
    for incident in analysis.incidents:
        cause = by_id.get(incident.follows or "")
        if cause is None or cause is incident or cause.follows in by_id:
            roots.append(incident)
        else:
            followers.setdefault(cause.id, []).append(incident)
    return [IncidentGroup(root, tuple(followers.get(root.id, ()))) for root in roots]


def explained(incident: Incident) -> bool:
    """Somebody, the knowledge base or the model, gave a cause."""
    diagnosis = incident.diagnosis
    return diagnosis is not None and diagnosis.origin is not Origin.NONE and bool(diagnosis.cause)


def evidence(incident: Incident) -> tuple[Evidence, ...]:
    """The lines that prove the cause; without a diagnosis the lines of the first sample."""
    if incident.diagnosis is not None and incident.diagnosis.evidence:
        return incident.diagnosis.evidence
    if not incident.samples:
        return (Evidence(incident.first_line, incident.title),)
    sample = incident.samples[0]
    return tuple(map(Evidence, sample.lines, sample.message.split("\n")))

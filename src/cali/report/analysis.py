"""The result of one run over a log: the input of every renderer."""

from __future__ import annotations

from collections import defaultdict
from operator import attrgetter
from typing import NamedTuple

from cali.core.models import Evidence, Incident, Origin
from cali.usecases.analyze_files import Analysis, Summary

__all__ = ["Analysis", "IncidentGroup", "Summary", "evidence", "groups", "has_cause"]


class IncidentGroup(NamedTuple):
    """A root incident and its followers."""

    root: Incident
    followers: tuple[Incident, ...]


def groups(analysis: Analysis) -> list[IncidentGroup]:
    """Return every incident once, in display order: the roots, each with its followers.

    An incident counts as a root if its root is missing or follows another incident.
    """
    by_id = dict(zip(map(attrgetter("id"), analysis.incidents), analysis.incidents, strict=True))
    followers: dict[str, list[Incident]] = defaultdict(list)
    roots: list[Incident] = []
    for incident in analysis.incidents:
        cause = by_id.get(incident.follows or "")
        if cause is None or cause is incident or cause.follows in by_id:
            roots.append(incident)
        else:
            followers[cause.id].append(incident)
    return [IncidentGroup(root, tuple(followers[root.id])) for root in roots]


def has_cause(incident: Incident) -> bool:
    """Return True if the knowledge base or the model gave a cause."""
    diagnosis = incident.diagnosis
    return diagnosis is not None and diagnosis.origin is not Origin.NONE and bool(diagnosis.cause)


def evidence(incident: Incident) -> tuple[Evidence, ...]:
    """Return the lines that prove the cause, or the lines of the first sample if there is no diagnosis."""
    if incident.diagnosis is not None and incident.diagnosis.evidence:
        return incident.diagnosis.evidence
    if not incident.samples:
        return (Evidence(incident.first_line, incident.title),)
    sample = incident.samples[0]
    return tuple(map(Evidence, sample.lines, sample.message.split("\n")))

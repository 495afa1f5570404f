"""The score of an analysis against the planted faults. Pure: report and labels in, score out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cali.core.errors import Misconfigured
from cali.simulator.scenario import Truth


@dataclass(frozen=True, slots=True)
class Score:
    """The score of an analysis. All fields except the counts hold ids: of faults, and in `false_alarms` of incidents.

    A fault is found if an incident's evidence or the samples of its findings contain one of its lines. Its cause is right
    if one of its incidents has a cause that its `cause_any` or that of its root accepts. The cause of an unknown fault is
    right if no incident has one from the knowledge base.
    The first of a cascade is right if its first-listed incident is that of the root. An incident without a fault's line
    is a false alarm.
    """

    found: tuple[str, ...]
    missed: tuple[str, ...]
    cause_right: tuple[str, ...]
    cause_wrong: tuple[str, ...]
    first_cause_right: tuple[str, ...]
    first_cause_wrong: tuple[str, ...]
    false_alarms: tuple[str, ...]
    incidents: int
    faults: int


class IncidentView(NamedTuple):
    """The scored parts of an incident: the faults of its evidence, and its diagnosis."""

    id: str
    faults: frozenset[str]
    origin: str
    cause: str


def score(truth: Sequence[Truth], labels_by_line: Mapping[int, str], incidents_json: Any) -> Score:
    """Return the score of a parsed report of `cali analyze --format json`. Lines are numbered from 1.

    Raise Misconfigured if the report is invalid.
    """
    seen = [_seen(incident, labels_by_line) for incident in _incidents(incidents_json)]
    found = [fault for fault in truth if any(fault.id in incident.faults for incident in seen)]
    right = {fault.id: _cause_is_right(fault, truth, seen) for fault in found}
    firsts = _firsts(truth, seen)
    return Score(
        found=tuple(fault.id for fault in found),
        missed=tuple(fault.id for fault in truth if fault not in found),
        cause_right=_those(right, True),
        cause_wrong=_those(right, False),
        first_cause_right=_those(firsts, True),
        first_cause_wrong=_those(firsts, False),
        false_alarms=tuple(incident.id for incident in seen if not incident.faults),
        incidents=len(seen),
        faults=len(truth),
    )


def _incidents(report: Any) -> list[Mapping[str, Any]]:
    incidents = report.get("incidents") if isinstance(report, Mapping) else None
    if not isinstance(incidents, list) or not all(isinstance(incident, Mapping) for incident in incidents):
        raise Misconfigured(
            "the report has no list of incidents; use the output of cali analyze --format json"
        )
    return incidents


def _seen(incident: Mapping[str, Any], labels: Mapping[int, str]) -> IncidentView:
    diagnosis = incident.get("diagnosis") or {}
    lines = [evidence.get("line") for evidence in diagnosis.get("evidence") or ()]
    for finding in incident.get("findings") or ():
        lines += [sample.get("line") for sample in finding.get("samples") or ()]
    return IncidentView(
        id=str(incident.get("id", "")),
        faults=frozenset(labels[line] for line in lines if line in labels),
        origin=str(diagnosis.get("origin") or "none"),
        cause=str(diagnosis.get("cause") or ""),
    )


def _cause_is_right(fault: Truth, truth: Sequence[Truth], seen: Iterable[IncidentView]) -> bool:
    accepted = [pattern for one in truth if one.id in (fault.id, fault.root) for pattern in one.cause_any]
    mine = [incident for incident in seen if fault.id in incident.faults]
    if not fault.known:
        return all(incident.origin in ("none", "model") for incident in mine)
    return any(
        re.search(pattern, incident.cause, re.IGNORECASE)
        for incident in mine
        if incident.origin != "none"
        for pattern in accepted
    )


def _firsts(truth: Sequence[Truth], seen: Sequence[IncidentView]) -> dict[str, bool]:
    """Return for each cascade that was found True if its first-listed incident is that of the root."""
    firsts: dict[str, bool] = {}
    for root in dict.fromkeys(fault.root for fault in truth if fault.root):
        group = {root} | {fault.id for fault in truth if fault.root == root}
        first = next((incident for incident in seen if incident.faults & group), None)
        if first is not None:
            firsts[root] = root in first.faults
    return firsts


def _those(verdicts: Mapping[str, bool], wanted: bool) -> tuple[str, ...]:
    return tuple(id_ for id_, verdict in verdicts.items() if verdict is wanted)

"""Differences between two replays of the same lines.

Incidents are matched by their lines, not by their ids: other masks change every template and id, and another book merges
some. Incidents before and after that share a line belong to one family.

    one : one    the same incident: its cause, severity and count are compared
    many : one   merged        one : many   split        many : many   regrouped
    one : none   disappeared   none : one   appeared
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Incident, Origin

if TYPE_CHECKING:
    from cali.usecases.replay.rerun import ReplayResult


class DifferenceKind(StrEnum):
    """The kind of a difference. The first two are losses."""

    DISAPPEARED = "disappeared"
    LOST = "lost"  # it had a cause and has none now
    CHANGED = "changed"  # it has another cause
    REWORDED = "reworded"  # the same entry with another cause or fix
    GAINED = "gained"  # it had no cause and has one now
    APPEARED = "appeared"
    MERGED = "merged"
    SPLIT = "split"
    REGROUPED = "regrouped"
    REGRADED = "regraded"  # another severity
    RECOUNTED = "recounted"  # another number of events


LOSSES = frozenset((DifferenceKind.DISAPPEARED, DifferenceKind.LOST))


class StatedCause(NamedTuple):
    """The cause of an incident: the id of the entry, or the origin, with its text and fix."""

    entry: str
    text: str = ""
    fix: tuple[str, ...] = ()


class IncidentDifference(NamedTuple):
    """One difference: the incidents before and after. `detail` shows the two values."""

    what: DifferenceKind
    before: tuple[Incident, ...]
    after: tuple[Incident, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """All differences, losses first. `same` incidents did not change; `renamed` of these have another id."""

    rows: tuple[IncidentDifference, ...] = ()
    same: int = 0
    renamed: int = 0

    @property
    def losses(self) -> tuple[IncidentDifference, ...]:
        """The incidents that are explained worse, or missing, after the change."""
        return tuple(row for row in self.rows if row.what in LOSSES)

    def count(self, what: DifferenceKind) -> int:
        return sum(row.what is what for row in self.rows)


def compare(before: ReplayResult, after: ReplayResult) -> Changes:
    """Return the differences between two replays of the same lines under the same terms."""
    rows: list[IncidentDifference] = []
    same = renamed = 0
    for old, new in _families(before, after):
        found = list(_rows(old, new))
        rows += found
        if not found:
            same += 1
            renamed += old[0].id != new[0].id
    order = list(DifferenceKind)
    rows.sort(key=lambda row: (order.index(row.what), *_place(row.before or row.after)))
    return Changes(tuple(rows), same, renamed)


def cause(incident: Incident) -> StatedCause | None:
    """Return the cause of an incident; None without one."""
    diagnosis = incident.diagnosis
    if diagnosis is None or diagnosis.origin is Origin.NONE:
        return None
    known = diagnosis.origin is Origin.KNOWLEDGE and diagnosis.knowledge
    entry = diagnosis.knowledge[0].id if known else diagnosis.origin.value
    return StatedCause(entry, diagnosis.cause, diagnosis.fix)


def _rows(old: Sequence[Incident], new: Sequence[Incident]) -> Iterable[IncidentDifference]:
    was, now = tuple(old), tuple(new)
    if not was or not now:
        yield IncidentDifference(
            DifferenceKind.APPEARED if now else DifferenceKind.DISAPPEARED, was, now, _entries(was or now)
        )
        return
    if len(was) > 1 or len(now) > 1:
        kind = (
            DifferenceKind.MERGED
            if len(now) == 1
            else DifferenceKind.SPLIT
            if len(was) == 1
            else DifferenceKind.REGROUPED
        )
        yield IncidentDifference(kind, was, now)
    yield from _causes(was, now)
    severities = max(one.severity for one in was), max(one.severity for one in now)
    if severities[0] != severities[1]:
        yield IncidentDifference(
            DifferenceKind.REGRADED, was, now, " -> ".join(severity.label for severity in severities)
        )
    counts = sum(one.count for one in was), sum(one.count for one in now)
    if counts[0] != counts[1]:
        yield IncidentDifference(DifferenceKind.RECOUNTED, was, now, f"{counts[0]} -> {counts[1]}")


def _causes(was: tuple[Incident, ...], now: tuple[Incident, ...]) -> Iterable[IncidentDifference]:
    """Yield the differences between the causes of a family."""
    before, after = _by_entry(was), _by_entry(now)
    complete = [all(cause(one) is not None for one in side) for side in (was, now)]
    if before.keys() == after.keys():
        if complete[0] and not complete[1]:
            yield IncidentDifference(DifferenceKind.LOST, was, now, f"{_names(before)} -> not for all")
        elif complete[1] and not complete[0]:
            yield IncidentDifference(DifferenceKind.GAINED, was, now, f"not for all -> {_names(after)}")
        if before != after:
            yield IncidentDifference(DifferenceKind.REWORDED, was, now, _names(before))
    elif before.keys() < after.keys():
        yield IncidentDifference(DifferenceKind.GAINED, was, now, f"{_names(before)} -> {_names(after)}")
    elif after.keys() < before.keys():
        yield IncidentDifference(DifferenceKind.LOST, was, now, f"{_names(before)} -> {_names(after)}")
    else:
        yield IncidentDifference(DifferenceKind.CHANGED, was, now, f"{_names(before)} -> {_names(after)}")


def _by_entry(incidents: Iterable[Incident]) -> dict[str, StatedCause]:
    causes = (cause(incident) for incident in incidents)
    return {one.entry: one for one in causes if one is not None}


def _entries(incidents: Iterable[Incident]) -> str:
    return _names(_by_entry(incidents))


def _names(causes: Iterable[str]) -> str:
    return ", ".join(sorted(causes)) or "no cause"


def _families(before: ReplayResult, after: ReplayResult) -> list[tuple[list[Incident], list[Incident]]]:
    """Return the families: incidents with the same id or a common line."""
    members = [*before.incidents, *after.incidents]
    parent = list(range(len(members)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[object, int] = {}
    for place, incident in enumerate(members):
        places = (before if place < len(before.incidents) else after).places.get(incident.id, ())
        for mark in (incident.id, *places, incident.first_line):
            parent[root(place)] = root(first.setdefault(mark, place))
    families: dict[int, tuple[list[Incident], list[Incident]]] = defaultdict(lambda: ([], []))
    for place, incident in enumerate(members):
        families[root(place)][place >= len(before.incidents)].append(incident)
    for family in families.values():
        for side in family:
            side.sort(key=lambda incident: _place((incident,)))
    return list(families.values())


def _place(incidents: Sequence[Incident]) -> tuple[int, str]:
    return incidents[0].first_line, incidents[0].id

"""What differs between two replays of the same lines.

An incident is followed by its lines, not by its id: another version of the masks names every template anew, and another
book merges some. Incidents of before and after that share a line belong together.

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
    """What became of an incident. The first two are losses."""

    DISAPPEARED = "disappeared"
    LOST = "lost"  # it had a cause, and has none now
    CHANGED = "changed"  # another cause
    REWORDED = "reworded"  # the same entry, with another cause or fix in it
    GAINED = "gained"  # it had no cause, and has one now
    APPEARED = "appeared"
    MERGED = "merged"
    SPLIT = "split"
    REGROUPED = "regrouped"
    REGRADED = "regraded"  # another severity
    RECOUNTED = "recounted"  # another number of events


LOSSES = frozenset((DifferenceKind.DISAPPEARED, DifferenceKind.LOST))


class StatedCause(NamedTuple):
    """Who says what broke: the id of an entry, and its words."""

    entry: str
    text: str = ""
    fix: tuple[str, ...] = ()


class IncidentDifference(NamedTuple):
    """One change: the incidents before and after, and in `detail` the two values that differ, for people."""

    what: DifferenceKind
    before: tuple[Incident, ...]
    after: tuple[Incident, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """All that differs, losses first. `same` incidents are as they were; `renamed` of those have another id."""

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
    """What became of the incidents of `before`. Both must be replays of the same lines under the same terms."""
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
    """What is said of an incident, if anybody says something."""
    said = incident.diagnosis
    if said is None or said.origin is Origin.NONE:
        return None
    entry = said.knowledge[0].id if said.origin is Origin.KNOWLEDGE and said.knowledge else said.origin.value
    return StatedCause(entry, said.cause, said.fix)


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
    """Of a family, which causes are told no more, newly, or instead of others."""
    before, after = _told(was), _told(now)
    silent = [all(cause(one) is not None for one in side) for side in (was, now)]
    if before.keys() == after.keys():
        if silent[0] and not silent[1]:
            yield IncidentDifference(DifferenceKind.LOST, was, now, f"{_names(before)} -> not for all")
        elif silent[1] and not silent[0]:
            yield IncidentDifference(DifferenceKind.GAINED, was, now, f"not for all -> {_names(after)}")
        if before != after:
            yield IncidentDifference(DifferenceKind.REWORDED, was, now, _names(before))
    elif before.keys() < after.keys():
        yield IncidentDifference(DifferenceKind.GAINED, was, now, f"{_names(before)} -> {_names(after)}")
    elif after.keys() < before.keys():
        yield IncidentDifference(DifferenceKind.LOST, was, now, f"{_names(before)} -> {_names(after)}")
    else:
        yield IncidentDifference(DifferenceKind.CHANGED, was, now, f"{_names(before)} -> {_names(after)}")


def _told(incidents: Iterable[Incident]) -> dict[str, StatedCause]:
    told = (cause(incident) for incident in incidents)
    return {one.entry: one for one in told if one is not None}


def _entries(incidents: Iterable[Incident]) -> str:
    return _names(_told(incidents))


def _names(causes: Iterable[str]) -> str:
    return ", ".join(sorted(causes)) or "no cause"


def _families(before: ReplayResult, after: ReplayResult) -> list[tuple[list[Incident], list[Incident]]]:
    """The incidents that belong together. Who has the same id, or shares a line, is of one family."""
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

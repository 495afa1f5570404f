"""What broke first and what followed from it, so that the first incident shown is the one to fix.

incidents -> features -> ties to likely causes -> causes of causes -> groups in order
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from cali.core.models import Incident
from cali.stages.detect.causality import Case, Nearness, ties
from cali.stages.detect.features import Tags, features_of

Weight = Callable[[Incident], float]
Known = Callable[[Incident], str | None]


def ordered(
    incidents: Iterable[Incident],
    *,
    tags: Tags | None = None,
    weight: Weight | None = None,
    known: Known | None = None,
    nearness: Nearness | None = None,
) -> list[Incident]:
    """The incidents with `follows` set on those that follow from another, to the id of what broke first.

    Most severe groups first, then the earliest; in a group the root, then its followers. A symptom of which nobody knows
    the cause comes after what is as severe. `tags` gives the tags of the known error that an incident is; `known` its
    id, and `weight` how specifically its cause is known (0: not). The order of the input does not matter.
    """
    cases = [
        Case(
            place,
            incident,
            features_of(incident, tags),
            weight(incident) if weight else 0.0,
            known(incident) if known else None,
        )
        for place, incident in enumerate(sorted(incidents, key=_when))
    ]
    causes = _causes(cases, nearness or Nearness())
    groups: dict[int, list[Case]] = defaultdict(list)
    depths: dict[int, int] = {}
    for case in cases:
        root, depths[case.place] = _root(case.place, causes)
        groups[root].append(case)
    for group in groups.values():
        group.sort(key=lambda case: (depths[case.place] > 0, _began(case), depths[case.place], case.place))
    ranked = sorted(groups.items(), key=lambda pair: _rank(pair[1]))
    return [
        replace(case.incident, follows=None if case.place == root else cases[root].incident.id)
        for root, group in ranked
        for case in group
    ]


def _when(incident: Incident) -> tuple[float, int, str]:
    time = incident.first_seen
    return (float("inf") if time is None else time, incident.first_line, incident.id)


def _began(case: Case) -> float:
    time = case.incident.first_seen
    return case.place if time is None else time


def _rank(group: Sequence[Case]) -> tuple[int, bool, int]:
    root = group[0]
    bare = len(group) == 1 and root.features.symptom and not root.features.outage and root.weight <= 0
    return (-max(case.incident.severity for case in group), bare, root.place)


def _root(place: int, causes: Mapping[int, int]) -> tuple[int, int]:
    depth = 0
    while place in causes:
        place, depth = causes[place], depth + 1
    return place, depth


def _causes(cases: Sequence[Case], near: Nearness) -> dict[int, int]:
    """The cause of each incident that has one. The strongest ties are made first, and none that would close a circle."""
    causes: dict[int, int] = {}
    found = sorted(ties(cases, near), key=lambda tie: (-tie.strength, tie.cause, tie.effect))
    for _, cause, effect in found:
        if effect not in causes and _root(cause, causes)[0] != effect:
            causes[effect] = cause
    return causes

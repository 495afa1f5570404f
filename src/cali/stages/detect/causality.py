"""Causal order of incidents: the root cause first, then its consequences.

    incidents -> features -> ties to likely causes -> causes of causes -> groups in order

A tie links an effect to its cause. The effect must come after the cause in time, and one of the links below must hold.
Simultaneity alone is not a link: a false tie hides an incident, while a missing tie costs only one line.

    named     the effect is a symptom and names the cause's workload, or the system that the cause reports as down
    quoted    the effect repeats the cause's line, in one scope
    of kind   the effect is a symptom of a kind of dependency, and the cause is an outage of the only one of that kind
    same      both are the same known failure in one scope
    specific  in one workload: a symptom without a known cause beside a failure with a known cause
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cali.core.models import NOWHERE, Incident, Scope, Severity
from cali.stages.detect.features import QUOTE_WORDS, Features, Tags, features_of

_NAMED, _QUOTED, _OF_KIND, _SPECIFIC = 4.0, 3.0, 2.0, 1.0


@dataclass(frozen=True, slots=True)
class Nearness:
    """The maximum distance between a cause and its consequence. Without times, lines are counted."""

    after: float = 300.0  # seconds after the cause was last seen
    young: float = 120.0  # seconds after the start of a cause that is not an outage
    early: float = 10.0  # seconds: a client can log the failure before the server does
    lines_after: int = 2_000
    lines_young: int = 200
    lines_early: int = 20
    candidates: int = 50  # maximum causes compared per name or kind


class Case(NamedTuple):
    """An incident with its features. `place` is its rank in time."""

    place: int
    incident: Incident
    features: Features
    weight: float
    known: str | None = None  # id of the known error that it matches


class Tie(NamedTuple):
    """A possible cause and its effect, by `place`."""

    strength: float
    cause: int
    effect: int


def ordered(
    incidents: Iterable[Incident],
    *,
    tags: Tags | None = None,
    weight: Callable[[Incident], float] | None = None,
    known: Callable[[Incident], str | None] | None = None,
    nearness: Nearness | None = None,
) -> list[Incident]:
    """Return the incidents in causal order, with `follows` set to the id of the root.

    Groups are sorted by severity, then by time. A group starts with its root. Groups without a known cause come after the
    others of their severity, and a single symptom without one comes last. The callbacks describe the known error that an incident matches: `tags` returns its
    tags, `known` its id, `weight` how specific its cause is (0: unknown). The order of the input does not matter.

    Each incident is compared with a bounded number of candidates, so the cost is linear.
    """
    found = sorted(incidents, key=_when)
    if len(found) < 2:
        return [replace(incident, follows=None) for incident in found]
    cases: list[Case] = []
    for place, incident in enumerate(found):
        read = features_of(incident, tags)
        cases.append(
            Case(
                place,
                incident,
                read,
                weight(incident) if weight else 0.0,
                known(incident) if known else None,
            )
        )
    causes, roots = _causes(cases, nearness or Nearness())
    depths = _depths(cases, causes)
    groups: dict[int, list[Case]] = defaultdict(list)
    for case in cases:
        groups[_root(case.place, roots)].append(case)
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


def _rank(group: Sequence[Case]) -> tuple[int, bool, bool, int]:
    root = group[0]
    unknown = all(case.weight <= 0 for case in group)
    bare = len(group) == 1 and root.features.symptom and not root.features.outage and root.weight <= 0
    return (-max(case.incident.severity for case in group), bare, unknown, root.place)


def _causes(cases: Sequence[Case], near: Nearness) -> tuple[dict[int, int], list[int]]:
    """Return the cause of each incident that has one, and the union-find forest of the roots.

    The strongest ties are applied first. A tie that would close a cycle is dropped.
    """
    causes: dict[int, int] = {}
    roots = list(range(len(cases)))
    for _, cause, effect in sorted(ties(cases, near), key=lambda tie: (-tie.strength, tie.cause, tie.effect)):
        if effect not in causes and (root := _root(cause, roots)) != effect:
            causes[effect] = cause
            roots[effect] = root
    return causes, roots


def _root(place: int, roots: list[int]) -> int:
    """Return the root of a case. Each look-up compresses the path, so long chains stay cheap."""
    while roots[place] != place:
        roots[place] = roots[roots[place]]
        place = roots[place]
    return place


def _depths(cases: Sequence[Case], causes: dict[int, int]) -> dict[int, int]:
    """Return the number of ties between each case and its root."""
    depths: dict[int, int] = {}
    for case in cases:
        chain, place = [], case.place
        while place not in depths and place in causes:
            chain.append(place)
            place = causes[place]
        depth = depths.setdefault(place, 0)
        for step, below in enumerate(reversed(chain), 1):
            depths[below] = depth + step
    return depths


def ties(cases: Sequence[Case], near: Nearness) -> Iterator[Tie]:
    """Yield all ties between cases, in linear time."""
    index = _Candidates(cases, near)
    for effect in cases:
        for level, found in (
            (_NAMED, index.named(effect)),
            (_QUOTED, index.quoted(effect)),
            (_OF_KIND, index.of_kind(effect)),
            (_OF_KIND, index.same(effect)),
            (_SPECIFIC, index.specific(effect)),
        ):
            for cause in found:
                strength = level + 0.5 * cause.features.outage + 0.25 * (cause.weight > 0)
                yield Tie(strength, cause.place, effect.place)


class _Candidates:
    """An index of possible causes by name, kind, quote, known error and scope. It avoids comparing every pair."""

    def __init__(self, cases: Sequence[Case], near: Nearness) -> None:
        self._near = near
        self._by_name: dict[str, list[Case]] = defaultdict(list)
        self._by_kind: dict[str, list[Case]] = defaultdict(list)
        self._by_quote: dict[tuple[Scope, tuple[str, ...]], list[Case]] = defaultdict(list)
        self._by_scope: dict[Scope, list[Case]] = defaultdict(list)
        self._by_known: dict[tuple[Scope, str], list[Case]] = defaultdict(list)
        for case in sorted(cases, key=lambda case: (-case.incident.severity, -case.weight, case.place)):
            for found in self._lists(case):
                if len(found) < near.candidates:
                    found.append(case)

    def _lists(self, case: Case) -> Iterator[list[Case]]:
        """Yield the index lists that a case belongs to as a cause."""
        scope, read = case.incident.scope, case.features
        for name in read.subjects:
            yield self._by_name[name]
        if read.outage:
            for kind in read.about:
                yield self._by_kind[kind]
        if read.quote:
            yield self._by_quote[scope, read.quote[:QUOTE_WORDS]]
        # Two reports of one known error, or two failures that are neither outage nor symptom, can be independent.
        if case.known and (read.outage or read.symptom) and not read.reports:
            yield self._by_known[scope, case.known]
        if case.weight > 0:
            yield self._by_scope[scope]

    def named(self, effect: Case) -> Iterator[Case]:
        if not effect.features.symptom:
            return
        for name in sorted(effect.features.peers):
            for cause in self._by_name.get(name, ()):
                elsewhere = cause.incident.scope != effect.incident.scope or cause.incident.scope == NOWHERE
                grave = cause.features.outage or cause.incident.severity >= Severity.ERROR
                if elsewhere and grave and self._in_time(cause, effect):
                    yield cause

    def quoted(self, effect: Case) -> Iterator[Case]:
        scope, words = effect.incident.scope, effect.features.words
        for place in range(len(words) - QUOTE_WORDS + 1):
            for cause in self._by_quote.get((scope, words[place : place + QUOTE_WORDS]), ()):
                quote = cause.features.quote
                repeats = words[place : place + len(quote)] == quote
                longer = len(words) > len(cause.features.words)
                if repeats and longer and self._in_time(cause, effect):
                    yield cause

    def of_kind(self, effect: Case) -> Iterator[Case]:
        for kind in sorted(effect.features.needs):
            near = [cause for cause in self._by_kind.get(kind, ()) if self._in_time(cause, effect)]
            yield from (cause for cause in near if _beside(cause, effect))
            yield from _only_server(kind, near, effect)

    def same(self, effect: Case) -> Iterator[Case]:
        for cause in self._by_known.get((effect.incident.scope, effect.known or ""), ()):
            if cause.place < effect.place and self._in_time(cause, effect):
                yield cause

    def specific(self, effect: Case) -> Iterator[Case]:
        scope, read = effect.incident.scope, effect.features
        if not read.symptom or read.outage or effect.weight > 0 or scope == NOWHERE:
            return
        for cause in self._by_scope.get(scope, ()):
            one = cause.features
            named = not read.peers.isdisjoint(one.peers | one.about | set(one.words))
            linked = named if read.peers else not one.peers
            if linked and self._in_time(cause, effect):
                yield cause

    def _in_time(self, cause: Case, effect: Case) -> bool:
        if cause.place == effect.place:
            return False
        near, one, other = self._near, cause.incident, effect.incident
        if one.first_seen is None or other.first_seen is None or one.last_seen is None:
            began: float = other.first_line - one.first_line
            over: float = other.first_line - one.last_line
            after, young, early = float(near.lines_after), float(near.lines_young), float(near.lines_early)
        else:
            began, over = other.first_seen - one.first_seen, other.first_seen - one.last_seen
            after, young, early = near.after, near.young, near.early
        if cause.features.outage:
            return began >= -early and over <= after
        return cause.place < effect.place and 0 <= began <= young


def _beside(cause: Case, effect: Case) -> bool:
    """Return True if both are in one scope, only the cause gives a reason, and they name no different peers."""
    one, other = cause.features, effect.features
    apart = one.peers and other.peers and not one.peers & other.peers
    return (
        cause.incident.scope == effect.incident.scope
        and not other.outage
        and not apart
        and cause.weight >= effect.weight
    )


def _only_server(kind: str, near: Sequence[Case], effect: Case) -> list[Case]:
    """Return the outages of the only server of a kind near the effect, or nothing if there are several servers."""
    scope, peers = effect.incident.scope, effect.features.peers
    servers = [cause for cause in near if kind in cause.features.serves and cause.incident.scope != scope]
    close = [cause for cause in servers if cause.incident.scope[:2] == scope[:2]]
    servers = close or servers
    if len({cause.incident.scope for cause in servers}) != 1:
        return []
    return [cause for cause in servers if not peers or _is_variant(peers, cause.features.own)]


def _is_variant(peers: frozenset[str], own: frozenset[str]) -> bool:
    """Return True if a peer is a variant of a name: postgres-primary is one of postgres."""
    return any(peer.startswith(name) or name.startswith(peer) for peer in peers for name in own)

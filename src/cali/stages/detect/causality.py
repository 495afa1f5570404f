"""Order incidents by cause: what broke first and what followed from it, so that the first one shown is the one to fix.

    incidents -> features -> ties to likely causes -> causes of causes -> groups in order

A tie needs both: a place in time after its cause, and a link that names it. At the same time in two services is no link:
a false tie hides an incident, a missing one costs a line.

    named     the effect suffers, and names what the cause happened in, or what the cause says has stopped serving
    quoted    the effect repeats the cause's line, in one scope
    of kind   the effect suffers from a kind of dependency, the cause is the outage of the only such one
    same      both are the same known failure in one scope
    specific  in one workload: a symptom of unknown cause beside a failure whose cause is known
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
    """How far a consequence may be from its cause. Lines count where there are no times."""

    after: float = 300.0  # seconds after the cause was seen last
    young: float = 120.0  # seconds after the start of a cause that is no outage
    early: float = 10.0  # seconds: clients may notice before the server has written its line
    lines_after: int = 2_000
    lines_young: int = 200
    lines_early: int = 20
    candidates: int = 50  # causes that are looked at under one name or kind


class Case(NamedTuple):
    """An incident with its features. `place` is its place in time."""

    place: int
    incident: Incident
    features: Features
    weight: float
    known: str | None = None  # the known error that it is


class Tie(NamedTuple):
    """A possible cause, by places."""

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
    """Return the incidents in causal order, with `follows` set to the id of what broke first.

    Most severe groups first, then the earliest; in a group the root, then its followers. A lone symptom without a known
    cause comes after its equals in severity. `tags` returns the tags of the known error that an incident is; `known` its
    id, and `weight` how specifically its cause is known (0: not). The order of the input does not matter.

    The cost grows with the number of incidents: each is compared with a bounded number of candidates.
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


def _rank(group: Sequence[Case]) -> tuple[int, bool, int]:
    root = group[0]
    bare = len(group) == 1 and root.features.symptom and not root.features.outage and root.weight <= 0
    return (-max(case.incident.severity for case in group), bare, root.place)


def _causes(cases: Sequence[Case], near: Nearness) -> tuple[dict[int, int], list[int]]:
    """Return the cause of each incident that has one, and the forest that leads to the roots.

    The strongest ties are made first, and none that would close a circle.
    """
    causes: dict[int, int] = {}
    roots = list(range(len(cases)))
    for _, cause, effect in sorted(ties(cases, near), key=lambda tie: (-tie.strength, tie.cause, tie.effect)):
        if effect not in causes and (root := _root(cause, roots)) != effect:
            causes[effect] = cause
            roots[effect] = root
    return causes, roots


def _root(place: int, roots: list[int]) -> int:
    """Return the root of a case. Each look-up shortens the way for the next, so long chains stay cheap."""
    while roots[place] != place:
        roots[place] = roots[roots[place]]
        place = roots[place]
    return place


def _depths(cases: Sequence[Case], causes: dict[int, int]) -> dict[int, int]:
    """Return for each case how many ties lie between it and its root."""
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
    """Yield all ties between cases. The effort grows with the number of cases, not with its square."""
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
    """Index of possible causes by name, kind, quote, known error and scope, so that not every pair is compared."""

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
        """Yield the lists in which a case can be found as a cause."""
        scope, read = case.incident.scope, case.features
        for name in read.subjects:
            yield self._by_name[name]
        if read.outage:
            for kind in read.about:
                yield self._by_kind[kind]
        if read.quote:
            yield self._by_quote[scope, read.quote[:QUOTE_WORDS]]
        # A report, or a failure that is neither outage nor symptom, may be two bugs or two pods.
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
    """Return whether both happened in one scope, only the cause says why, and they do not name different peers."""
    one, other = cause.features, effect.features
    apart = one.peers and other.peers and not one.peers & other.peers
    return (
        cause.incident.scope == effect.incident.scope
        and not other.outage
        and not apart
        and cause.weight >= effect.weight
    )


def _only_server(kind: str, near: Sequence[Case], effect: Case) -> list[Case]:
    """Return the outages of the one server of a kind that the effect can mean; none if it could be one of several."""
    scope, peers = effect.incident.scope, effect.features.peers
    servers = [cause for cause in near if kind in cause.features.serves and cause.incident.scope != scope]
    close = [cause for cause in servers if cause.incident.scope[:2] == scope[:2]]
    servers = close or servers
    if len({cause.incident.scope for cause in servers}) != 1:
        return []
    return [cause for cause in servers if not peers or _is_variant(peers, cause.features.own)]


def _is_variant(peers: frozenset[str], own: frozenset[str]) -> bool:
    """Return whether a peer is a variant of a name: postgres-primary of postgres."""
    return any(peer.startswith(name) or name.startswith(peer) for peer in peers for name in own)

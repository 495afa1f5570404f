"""Which incident can be the cause of which.

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cali.core.models import NOWHERE, Incident, Scope, Severity
from cali.stages.detect.features import Features, runs, starts

_NAMED, _QUOTED, _OF_KIND, _SPECIFIC = 4.0, 3.0, 2.0, 1.0


@dataclass(frozen=True, slots=True)
class Nearness:
    """How far a consequence may be from its cause. Lines count where there are no times."""

    after: float = 300.0  # seconds after the cause was seen last
    young: float = 120.0  # seconds after a cause began that does not say that something has stopped serving
    early: float = 10.0  # seconds: clients may notice before the server has written its line
    lines_after: int = 2_000
    lines_young: int = 200
    lines_early: int = 20
    candidates: int = 50  # causes that are looked at under one name or kind


class Case(NamedTuple):
    """An incident with what is read from it once. `place` is its place in time."""

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


def ties(cases: Sequence[Case], near: Nearness) -> Iterator[Tie]:
    """All ties between cases. The effort grows with the number of cases, not with its square."""
    index = _Index(cases, near)
    for effect in cases:
        for level, found in (
            (_NAMED, index.named(effect)),
            (_QUOTED, index.quoted(effect)),
            (_OF_KIND, index.of_kind(effect)),
            (_OF_KIND, index.same(effect)),
            (_SPECIFIC, index.specific(effect)),
        ):
            for cause in found:
                yield Tie(level + _standing(cause), cause.place, effect.place)


def _standing(cause: Case) -> float:
    return 0.5 * cause.features.outage + 0.25 * (cause.weight > 0)


class _Index:
    """Where to look for causes, so that not every pair is compared."""

    def __init__(self, cases: Sequence[Case], near: Nearness) -> None:
        self._near = near
        self._by_name: dict[str, list[Case]] = defaultdict(list)
        self._by_kind: dict[str, list[Case]] = defaultdict(list)
        self._by_quote: dict[tuple[Scope, tuple[str, ...]], list[Case]] = defaultdict(list)
        self._by_scope: dict[Scope, list[Case]] = defaultdict(list)
        self._by_known: dict[tuple[Scope, str], list[Case]] = defaultdict(list)
        for case in sorted(cases, key=lambda case: (-case.incident.severity, -case.weight, case.place)):
            self._add(case)

    def _add(self, case: Case) -> None:
        scope, read = case.incident.scope, case.features
        for name in read.subjects:
            _put(self._by_name[name], case, self._near.candidates)
        if read.outage:
            for kind in read.about:
                _put(self._by_kind[kind], case, self._near.candidates)
        if read.quote:
            _put(self._by_quote[scope, starts(read.quote)], case, self._near.candidates)
        if (
            case.known and (read.outage or read.symptom) and not read.reports
        ):  # else they may be two bugs, two pods
            _put(self._by_known[scope, case.known], case, self._near.candidates)
        if case.weight > 0:
            _put(self._by_scope[scope], case, self._near.candidates)

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
        for place, run in runs(words):
            for cause in self._by_quote.get((scope, run), ()):
                quote = cause.features.quote
                repeats = words[place : place + len(quote)] == quote and len(words) > len(
                    cause.features.words
                )
                if repeats and self._in_time(cause, effect):
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
        scope = effect.incident.scope
        bare = effect.features.symptom and not effect.features.outage and effect.weight <= 0
        if not bare or scope == NOWHERE:
            return
        for cause in self._by_scope.get(scope, ()):
            said = cause.features.peers | cause.features.about | set(cause.features.words)
            same = effect.features.peers & said if effect.features.peers else not cause.features.peers
            if same and self._in_time(cause, effect):
                yield cause

    def _in_time(self, cause: Case, effect: Case) -> bool:
        if cause.place == effect.place:
            return False
        near, one, other = self._near, cause.incident, effect.incident
        outage = cause.features.outage
        if one.first_seen is None or other.first_seen is None or one.last_seen is None:
            began: float = other.first_line - one.first_line
            over: float = other.first_line - one.last_line
            after, young, early = float(near.lines_after), float(near.lines_young), float(near.lines_early)
        else:
            began, over = other.first_seen - one.first_seen, other.first_seen - one.last_seen
            after, young, early = near.after, near.young, near.early
        if outage:
            return began >= -early and over <= after
        return cause.place < effect.place and 0 <= began <= young


def _put(cases: list[Case], case: Case, most: int) -> None:
    if len(cases) < most:
        cases.append(case)


def _beside(cause: Case, effect: Case) -> bool:
    """Whether both happened in one place, the cause says why and the effect does not, and they do not name different peers."""
    one, other = cause.features, effect.features
    apart = one.peers and other.peers and not one.peers & other.peers
    return (
        cause.incident.scope == effect.incident.scope
        and not other.outage
        and not apart
        and cause.weight >= effect.weight
    )


def _only_server(kind: str, near: Sequence[Case], effect: Case) -> list[Case]:
    """The outages of the one server of a kind that the effect can mean; none if it could be one of several."""
    scope, peers = effect.incident.scope, effect.features.peers
    servers = [cause for cause in near if kind in cause.features.serves and cause.incident.scope != scope]
    close = [cause for cause in servers if cause.incident.scope[:2] == scope[:2]]
    servers = close or servers
    if len({cause.incident.scope for cause in servers}) != 1:
        return []
    return [cause for cause in servers if not peers or _alike(peers, cause.features.own)]


def _alike(peers: frozenset[str], own: frozenset[str]) -> bool:
    """Whether a peer is a variant of a name: postgres-primary of postgres."""
    return any(peer.startswith(name) or name.startswith(peer) for peer in peers for name in own)

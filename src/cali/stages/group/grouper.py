"""Groups: the findings of one failure, with the root first.

features, ties -> strongest tie first, unless it would join two failures -> groups -> root and reasons
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from cali.core.models import Incident, IncidentGroup, KnowledgeEntry, Member, Moment, Role
from cali.stages.group.features import Features, features_of, timed
from cali.stages.group.ties import ENOUGH, Tie, ties

MOMENTS = 200  # times of events per finding that grouping needs
SILENCE = (
    240.0  # seconds without an event after which a new episode of a finding may belong to another failure
)
OPEN = 60  # maximum lines between a trace and a part of it that another writer's lines cut off


def grouped(
    findings: Iterable[Incident],
    entry_of: Callable[[Incident], KnowledgeEntry | None],
    moments: Mapping[str, Sequence[Moment]] | None = None,
) -> tuple[IncidentGroup, ...]:
    """Return the groups of the findings, the one to look at first first.

    `entry_of` returns the known error that a finding matches. `moments` holds times of the events of a finding, by its id;
    without them its first and last time count. The order of the findings does not matter.
    """
    several = sorted(findings, key=lambda finding: finding.id)
    if len(several) == 1:
        return (_alone(several[0]),)
    times = timed(moments or {}, several)
    features = [features_of(finding, entry_of(finding), times[finding.id]) for finding in several]
    found = ties(features)
    made = [_group(members, found) for members in _united(features, found)]
    return tuple(group for _, group in sorted(made, key=lambda pair: pair[0]))


def _alone(finding: Incident) -> IncidentGroup:
    return IncidentGroup(
        id=finding.id,
        title=finding.title,
        severity=finding.severity,
        count=finding.count,
        first_seen=finding.first_seen,
        last_seen=finding.last_seen,
        members=(Member(finding, Role.ROOT),),
    )


def _united(features: Sequence[Features], found: Sequence[Tie]) -> list[list[Features]]:
    """Return the members of each group. Ties are applied strongest first; one that would join two failures is dropped."""
    forest = _Forest(features)
    for tie in found:
        one, other = forest.by_id[tie.one], forest.by_id[tie.other]
        if forest.top(one.id) != forest.top(other.id) and not _keeps_apart(
            forest, one, other, tie.points, found
        ):
            forest.join(one.id, other.id)
    _adopt_fragments(forest, features)
    _rejoin(forest)
    return list(forest.members.values())


class _Forest:
    """Disjoint sets of findings."""

    def __init__(self, features: Sequence[Features]) -> None:
        self.by_id = {one.id: one for one in features}
        self.members = {one.id: [one] for one in features}
        self._up = {one.id: one.id for one in features}

    def top(self, name: str) -> str:
        while self._up[name] != name:
            self._up[name] = self._up[self._up[name]]
            name = self._up[name]
        return name

    def join(self, one: str, other: str) -> None:
        top, below = sorted((self.top(one), self.top(other)))
        self._up[below] = top
        self.members[top] += self.members.pop(below)

    def head(self, name: str) -> Features:
        return max(self.members[self.top(name)], key=_rank)


def _rank(one: Features) -> tuple[float, float, int, str]:
    return (one.standing, -one.start, one.finding.count, one.id)


def _keeps_apart(
    forest: _Forest, one: Features, other: Features, points: float, found: Sequence[Tie]
) -> bool:
    """Return True if two sets have a cause each, and the tie is not between these causes or too weak for them."""
    heads = (forest.head(one.id), forest.head(other.id))
    between_heads = {heads[0].id, heads[1].id} == {one.id, other.id}
    lower = min(head.standing for head in heads)
    if between_heads:
        return False
    if lower >= 4 and heads[0].known != heads[1].known and points < ENOUGH + 0.8:
        return True
    if lower >= 2.9 and not heads[0].fragment and not heads[1].fragment and points < ENOUGH + 0.4:
        return True
    same = heads[0].known and heads[0].known == heads[1].known
    if lower >= 2.5 and not same:  # a symptom between two causes belongs to one of them and joins none
        bridges = [item for item in (one, other) if item not in heads]
        if any(item.broad or item.symptom or item.fragment or item.standing < 2 for item in bridges):
            return True
    return lower > 1.9 and not _well_tied(forest, one.id, other.id, heads, found)


def _well_tied(
    forest: _Forest, one: str, other: str, heads: tuple[Features, Features], found: Sequence[Tie]
) -> bool:
    """Return True if several findings tie two grown sets, so that one finding of mixed lines cannot."""
    tops = {forest.top(one), forest.top(other)}
    if min(len(forest.members[top]) for top in tops) < 2:
        return True
    between = [tie for tie in found if {forest.top(tie.one), forest.top(tie.other)} == tops]
    ends = {name for tie in between for name in (tie.one, tie.other)}
    if len(ends) >= 4:
        return True
    causes = {heads[0].id, heads[1].id}
    return any(
        {tie.one, tie.other} & causes
        and tie.points >= ENOUGH + 0.8
        and min(forest.by_id[tie.one].finding.count, forest.by_id[tie.other].finding.count) > 2
        for tie in between
    )


def _adopt_fragments(forest: _Forest, features: Sequence[Features]) -> None:
    """Give each set of fragments to the trace that was the last one open in its language before most of its lines."""
    whole = sorted(
        (line, one.id)
        for one in features
        if one.languages and (not one.fragment or forest.head(one.id).standing >= 2)
        for line in one.lines
    )
    lines = [line for line, _ in whole]
    for name in sorted(forest.members):
        members = forest.members.get(name, ())
        if not members or not all(one.fragment for one in members):
            continue
        votes: Counter[str] = Counter()
        total = 0
        for one in members:
            for line in one.lines:
                total += 1
                at = bisect_left(lines, line)
                for before, owner in reversed(whole[max(0, at - 12) : at]):
                    if line - before > OPEN:
                        break
                    if forest.by_id[owner].languages & one.languages and forest.top(owner) != name:
                        votes[forest.top(owner)] += 1
                        break
        if votes:
            owner, most = max(votes.items(), key=lambda pair: (pair[1], pair[0]))
            if most >= 0.6 * total:
                forest.join(owner, name)


def _rejoin(forest: _Forest) -> None:
    """Join groups with the same root: episodes of one finding that no other failure explains."""
    roots: dict[tuple[object, str], str] = {}
    for name in sorted(forest.members):
        finding = forest.head(name).finding
        first = roots.setdefault((finding.scope, finding.template.id), name)
        if first != name:
            forest.join(first, name)
            roots[finding.scope, finding.template.id] = forest.top(name)


def _whole(members: Sequence[Features]) -> list[Features]:
    """Return the members with the episodes of one finding as one."""
    parts: dict[tuple[object, str], list[Features]] = {}
    for one in sorted(members, key=lambda one: (one.start, one.id)):
        parts.setdefault((one.finding.scope, one.finding.template.id), []).append(one)
    return [_summed(several) if len(several) > 1 else several[0] for several in parts.values()]


def _summed(parts: Sequence[Features]) -> Features:
    best = max(parts, key=_rank)
    findings = [one.finding for one in parts]
    finding = replace(
        best.finding,
        id=min(one.id for one in findings),
        severity=max(one.severity for one in findings),
        count=sum(one.count for one in findings),
        first_line=min(one.first_line for one in findings),
        last_line=max(one.last_line for one in findings),
        first_seen=min((one.first_seen for one in findings if one.first_seen is not None), default=None),
        last_seen=max((one.last_seen for one in findings if one.last_seen is not None), default=None),
        burst=any(one.burst for one in findings),
    )
    return replace(best, finding=finding, times=tuple(sorted(time for one in parts for time in one.times)))


def _group(members: Sequence[Features], found: Sequence[Tie]) -> tuple[tuple[object, ...], IncidentGroup]:
    """Return the group with its place in the report."""
    ids = {one.id for one in members}
    ranked = sorted(_whole(members), key=_rank, reverse=True)
    root = ranked[0]
    inside = [tie for tie in found if tie.one in ids and tie.other in ids]
    to_root = {
        next(iter({tie.one, tie.other} - {root.id})): tie for tie in reversed(inside) if root.id in tie[1:3]
    }
    best: dict[str, Tie] = {}
    for tie in inside:
        best.setdefault(tie.one, tie)
        best.setdefault(tie.other, tie)
    below = sorted(ranked[1:], key=lambda one: (one.start, one.id))
    findings = [one.finding for one in ranked]
    firsts = [finding.first_seen for finding in findings if finding.first_seen is not None]
    lasts = [finding.last_seen for finding in findings if finding.last_seen is not None]
    group = IncidentGroup(
        id=root.id,
        title=root.finding.title,
        severity=max(finding.severity for finding in findings),
        count=sum(finding.count for finding in findings),
        first_seen=min(firsts, default=None),
        last_seen=max(lasts, default=None),
        members=(
            Member(root.finding, Role.ROOT),
            *(Member(one.finding, _role(one, root), _why(one, to_root, best)) for one in below),
        ),
    )
    bare = len(members) == 1 and root.standing < 2
    unknown = not any(one.known for one in members)
    return (-group.severity, bare, unknown, root.start, root.id), group


def _role(one: Features, root: Features) -> Role:
    same = (one.known and one.known == root.known) or set(one.exceptions) & set(root.exceptions)
    return Role.SAME if same else Role.SYMPTOM


def _why(one: Features, to_root: Mapping[str, Tie], best: Mapping[str, Tie]) -> str:
    tie = to_root.get(one.id) or best.get(one.id)
    return tie.text if tie else "part of the trace that was open before it"

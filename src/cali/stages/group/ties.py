"""Ties: pairs of findings that are near in time, with the reasons why they report one failure.

    features -> pairs that share an entry of an index -> reasons with points -> ties

Two reasons of different families make a tie, or one that quotes. Time alone never does. The index bounds the pairs per
entry, so the cost grows with the findings, not with their square.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import exp
from typing import NamedTuple

from cali.stages.group.features import QUOTE_WORDS, Features
from cali.stages.group.systems import WIDE

NEAR = 90.0  # maximum seconds between two findings of one failure
FAR = 300.0  # the same, if their texts tie them
ENOUGH = 2.0  # points of a tie
BESIDE = 8  # maximum lines between the parts of one trace
NEIGHBOURS = 20  # pairs per finding and entry of the index
RARE = 6  # maximum findings that share an entity which identifies one failure
EARLY = 10.0  # seconds: a client can log the failure before the server does
YOUNG = 120.0  # seconds after the onset of a cause that is not an outage, in which its consequences begin
SECOND = 1.5  # seconds: two findings of one cause each time

_TEXT, _ERROR, _PLACE, _TIME, _CAUSE = "text", "error", "place", "time", "cause"
_PLAIN = frozenset({
    "Error", "TypeError", "ValueError", "Exception", "RuntimeError", "RuntimeException", "IOException", "OSError", "KeyError",
    "AttributeError",
})  # fmt: skip
_RESTARTS = re.compile(r"crash-loop|probe|unhealthy|back-off|exit|sandbox|not-ready")
_STOPS = re.compile(r"oom|memory|kill|image|entrypoint|config|command|exit|panic|segfault", re.IGNORECASE)
_MACHINE = frozenset({"kubernetes", "linux", "eks", "node"})


class Reason(NamedTuple):
    """One reason of a tie, its points, and its family. Reasons of one family are not independent."""

    points: float
    family: str
    text: str


class Tie(NamedTuple):
    """Two findings of one failure, by id."""

    points: float
    one: str
    other: str
    reasons: tuple[Reason, ...]

    @property
    def text(self) -> str:
        best = sorted(self.reasons, key=lambda reason: (-reason.points, reason.text))
        return "; ".join([reason.text for reason in best[:2]])


class Surroundings(NamedTuple):
    """Facts about all findings that the comparison of two needs."""

    names: Counter[str]  # findings per entity
    types: Counter[str]
    frames: Counter[str]
    ids: Counter[str]
    servers: Mapping[str, tuple[Features, ...]]  # outages by kind of system
    stops: tuple[Features, ...]  # reasons why containers stop
    total: int


def ties(features: Sequence[Features]) -> list[Tie]:
    """Return all ties, strongest first. The order of the findings does not matter."""
    around = _surroundings(features)
    found: list[Tie] = []
    for one, other in _pairs(features):
        gap = max(one.start, other.start) - min(one.end, other.end)
        if gap > FAR:
            continue
        reasons = _reasons(one, other, around)
        if gap > NEAR:
            reasons = [reason for reason in reasons if reason.family in {_TEXT, _ERROR}]
        points = sum(reason.points for reason in reasons)
        families = {reason.family for reason in reasons}
        if points >= ENOUGH and (len(families) > 1 or max(reason.points for reason in reasons) >= ENOUGH):
            found.append(Tie(round(points, 3), one.id, other.id, tuple(reasons)))
    return sorted(found, key=lambda tie: (-tie.points, tie.one, tie.other))


def _surroundings(features: Sequence[Features]) -> Surroundings:
    servers: dict[str, list[Features]] = defaultdict(list)
    for one in features:
        for kind in sorted(one.serves | one.about):
            if one.standing >= 4:
                servers[kind].append(one)
    return Surroundings(
        Counter(name for one in features for name in one.names),
        Counter(name for one in features for name in one.types),
        Counter(name for one in features for name in one.frames),
        Counter(name for one in features for name in one.ids),
        {kind: tuple(several) for kind, several in servers.items()},
        tuple(one for one in features if one.tags & _MACHINE and _stops(one)),
        len(features),
    )


def _pairs(features: Sequence[Features]) -> Iterator[tuple[Features, Features]]:
    """Yield each pair that shares an entry of the index once, in a fixed order."""
    ranked = sorted(features, key=lambda one: (one.start, one.id))
    place = {one.id: number for number, one in enumerate(ranked)}
    index: dict[tuple[str, object], list[int]] = defaultdict(list)
    for number, one in enumerate(ranked):
        for key in set(_keys(one)):
            index[key].append(number)
    found: set[tuple[int, int]] = set()
    for holders in index.values():
        for at, number in enumerate(holders):
            found.update((number, other) for other in holders[at + 1 : at + 1 + NEIGHBOURS])
    found.update(_adjacent(ranked))
    found.update(_quoting(ranked, place))
    for number, other in sorted(found):
        yield ranked[number], ranked[other]


def _keys(one: Features) -> Iterator[tuple[str, object]]:
    if one.known:
        yield "known", one.known
    for tag in one.tags - WIDE:
        yield "tag", tag
    for name in (*one.exceptions, *one.types):
        yield "exception", name
    for name in one.frames:
        yield "frame", name
    for name in one.names | one.own | one.peers | one.subjects | one.routes:
        yield "name", name.rstrip("s")
    for name in one.ids:
        yield "id", name
    for kind in one.serves | one.needs | one.about:
        yield "kind", kind
    yield "scope", one.finding.scope


def _adjacent(ranked: Sequence[Features]) -> Iterator[tuple[int, int]]:
    """Yield pairs of findings with lines beside each other."""
    lines = sorted((line, number) for number, one in enumerate(ranked) for line in one.lines)
    for at, (line, number) in enumerate(lines):
        for other_line, other in lines[at + 1 : at + 1 + BESIDE]:
            if other_line > line + BESIDE:
                break
            if other != number:
                yield min(number, other), max(number, other)


def _quoting(ranked: Sequence[Features], place: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of findings of which one holds the first words of the other's core."""
    cores: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for one in ranked:
        if one.quote:
            cores[one.quote[:QUOTE_WORDS]].append(place[one.id])
    for one in ranked:
        words, number = one.normalised.split(), place[one.id]
        for at in range(len(words) - QUOTE_WORDS + 1):
            for other in cores.get(tuple(words[at : at + QUOTE_WORDS]), ())[:NEIGHBOURS]:
                if other != number:
                    yield min(number, other), max(number, other)


def _reasons(one: Features, other: Features, around: Surroundings) -> list[Reason]:
    low, high = sorted((one, other), key=lambda item: (item.standing, item.id))
    here = one.scoped and one.finding.scope == other.finding.scope
    unscoped = not one.scoped and not other.scoped
    shared = {name for name in one.names & other.names if around.names[name] <= max(8, around.total // 4)}
    named = low.peers and high.peers and not low.peers & high.peers
    if here and named and low.symptom and high.symptom and _likeness(low, high) >= 0.6:
        return []  # two failures of one client, each with a system that it names
    return [
        *_same_known(one, other, shared, here=here, unscoped=unscoped),
        *_same_error(one, other, around, here=here),
        *_shared_place(low, high, shared, around, here=here),
        *_dependency(low, high, around),
        *_written_together(low, high, here=here),
    ]


def _same_known(
    one: Features, other: Features, shared: set[str], *, here: bool, unscoped: bool
) -> Iterator[Reason]:
    align = _alignment(one, other)
    if one.known and one.known == other.known:
        points = (
            2.5 if here or unscoped else 2.0 if one.own & other.own or shared else 0.5 if one.broad else 1.5
        )
        if one.broad and not shared:
            points -= 0.4 if here else 1.0 if align < 0.3 or _apart(one, other) else 0.6
        elif unscoped and not shared:
            points -= 0.4
        if not shared and one.subjects and other.subjects and not one.subjects & other.subjects:
            points -= 1.0
        yield Reason(points, _ERROR, "same known error")
    elif one.known and other.known and (kin := one.tags & other.tags - WIDE):
        yield Reason(1.2 if here or shared else 0.8, _ERROR, f"both are about {min(kin)}")


def _likeness(one: Features, other: Features) -> float:
    return len(one.words & other.words) / max(1, len(one.words | other.words))


def _apart(one: Features, other: Features) -> bool:
    return (
        bool(one.own and other.own and not one.own & other.own) and one.finding.scope != other.finding.scope
    )


def _same_error(one: Features, other: Features, around: Surroundings, *, here: bool) -> Iterator[Reason]:
    both = set(one.exceptions) & set(other.exceptions)
    if both:
        yield Reason(2.5, _ERROR, f"same exception, {one.exceptions[min(both)]}")
    else:
        rare = {name for name in one.types & other.types if around.types[name] <= 4} - _PLAIN
        if rare:
            yield Reason(
                1.8 if one.fragment or other.fragment else 1.2, _ERROR, f"same exception type, {min(rare)}"
            )
    for quoted, quoting in ((one, other), (other, one)):
        core = " ".join(quoted.quote)
        if core and core in quoting.normalised:
            yield Reason(2.2, _TEXT, f"repeats “{quoted.core.strip()[:60]}”")
            break
    frames = one.frames & other.frames
    loose = one.fragment or other.fragment
    most = (
        min(len(one.frames), len(other.frames)) if loose or here else max(len(one.frames), len(other.frames))
    )
    kindred = loose or one.types & other.types or not (one.types and other.types)
    if (
        frames
        and kindred
        and 2 * len(frames) >= most
        and any(around.frames[frame] <= RARE for frame in frames)
    ):
        yield Reason(2.0, _TEXT, "same stack frames")
    distinct = not (one.known and other.known and one.known != other.known)
    if here and distinct and len(one.words & other.words) >= 3 and _likeness(one, other) >= 0.6:
        yield Reason(1.2, _TEXT, "much the same text")
    ids = {name for name in one.ids & other.ids if around.ids[name] <= 4}
    if ids:
        yield Reason((1.0, 1.6, 2.2)[min(len(ids), 3) - 1], _PLACE, f"same id {min(ids)}")


def _shared_place(
    low: Features, high: Features, shared: set[str], around: Surroundings, *, here: bool
) -> Iterator[Reason]:
    if shared:
        points = sum(1.2 if around.names[name] <= RARE else 0.6 for name in shared)
        yield Reason(
            min(2.2, points),
            _PLACE,
            f"both name {', '.join(sorted(shared, key=lambda n: (around.names[n], n))[:2])}",
        )
    subjects = low.subjects & high.subjects
    machine = (not low.tags or low.tags & _MACHINE) and (not high.tags or high.tags & _MACHINE)
    if subjects and machine:
        yield Reason(1.2, _PLACE, f"both are about {min(subjects)}")
    for one, other in ((low, high), (high, low)):
        named = {name for name in other.own if len(name) > 2 and _names(one, name)} - one.own
        if named and (one.symptom or one.standing < 2.5) and other.standing >= 1.2 and not here:
            onset = one.start - other.start
            failed = one.symptom and not other.symptom and other.standing >= 2 and onset >= -EARLY
            failed = failed and (other.outage or onset <= YOUNG)
            yield Reason(2.0 if failed else 1.6, _CAUSE, f"names {min(named)}, which this is about")
            break
    align = _alignment(low, high)
    inside = low.start >= high.start - 20 and low.end <= high.end + NEAR
    if here and (inside or align > 0.35) and low.broad and low.standing < 2.5 <= high.standing:
        yield Reason(1.2, _PLACE, "symptom in the same workload")
    if low.known.startswith(("http-5", "nginx-upstream", "go-context")) and align > 0.3:
        named = {name for name in high.own if name.rstrip("s") in low.routes}
        if named:
            yield Reason(1.5, _CAUSE, f"its path names {min(named)}")


def _names(one: Features, name: str) -> bool:
    return name in one.peers or any(peer.startswith(f"{name}-") or peer == f"{name}s" for peer in one.peers)


def _dependency(low: Features, high: Features, around: Surroundings) -> Iterator[Reason]:
    for one, other in ((low, high), (high, low)):
        kinds = {kind for kind in one.needs & (other.serves | other.about) if kind not in one.serves}
        if kinds and other.standing >= 4 and other.start <= one.start + 60 and (one.symptom or one.broad):
            kind = min(kinds)
            rivals = {
                (server.known, server.finding.scope)
                for server in around.servers.get(kind, ())
                if server is not one and server.start - 60 <= one.end and server.end + NEAR >= one.start
            }
            single = len({scope for _, scope in rivals}) <= 1 or len({known for known, _ in rivals}) <= 1
            named = {peer for peer in one.peers if any(peer.startswith(name) for name in other.own)}
            foreign = one.peers and other.own and not named and not other.about & one.about
            if not foreign or kind in " ".join(one.peers):
                yield Reason(2.0 if single else 0.8, _CAUSE, f"needs {kind}, which this says has failed")
            break
    for one, other in ((low, high), (high, low)):
        if _RESTARTS.search(one.known) and _stops(other) and other.start <= one.start + 60:
            about = bool(one.subjects & (other.subjects | other.own) or one.own & other.own)
            about = about or any(name in one.normalised for name in other.own if len(name) > 4)
            unknown = other.tags & _MACHINE and not (one.subjects and other.subjects)
            stops = [
                stop for stop in around.stops if stop.start - 60 <= one.start and stop.end + NEAR >= one.start
            ]
            alone = all(stop.tags & other.tags - WIDE for stop in stops)
            if about or unknown:
                yield Reason(2.0 if about or alone else 0.8, _CAUSE, "says why the container stops")
                break


def _stops(one: Features) -> bool:
    return one.standing >= 3.5 and _STOPS.search(f"{one.known} {one.first}") is not None


def _written_together(low: Features, high: Features, *, here: bool) -> Iterator[Reason]:
    align = _alignment(low, high)
    loose = low.fragment or high.fragment
    if loose:
        part, whole = (low, high) if low.fragment else (high, low)
        share, chance = _beside(part, whole, BESIDE)
        if part.languages & whole.languages and share >= 0.6 and share - chance >= 0.3:
            yield Reason(1.3 if len(part.lines) == 1 else 1.7, _TEXT, "parts of one trace, side by side")
    else:
        share, chance = _beside(low, high, 2)
        if share >= 0.6 and share - chance >= 0.4 and len(low.lines) >= 2:
            yield Reason(1.2, _TIME, "lines side by side")
        elif share == 1 and chance < 0.1 and here:
            yield Reason(1.0, _TIME, "lines side by side")
        alike = max(len(low.lines), len(high.lines)) <= 1.5 * min(len(low.lines), len(high.lines))
        distinct = low.known and high.known and low.known != high.known and low.standing >= 4
        if here and alike and not distinct:
            share, chance = _beside(low, high, 3)
            if share == 1 and chance < 0.35:
                yield Reason(1.6, _PLACE, "comes right after it each time")
    if here and max(len(low.times), len(high.times)) <= 3 and abs(low.start - high.start) <= SECOND:
        yield Reason(1.0, _TIME, "begins in the same second")
    if len(low.times) >= 3 and len(high.times) >= 3:
        hits = sum(_has(high.times, time - SECOND, time + SECOND) for time in low.times) / len(low.times)
        width = max(low.end, high.end) - min(low.start, high.start) + 10
        if hits >= 0.8 and hits - (1 - exp(-len(high.times) * 2 * SECOND / width)) >= 0.4:
            yield Reason(1.5, _TIME, "within a second of it each time")
    if len(low.times) >= 2 and len(high.times) >= 2 and align >= 0.55 and _overlap(low, high) >= 0.6:
        yield Reason(1.3 if here else 0.5, _TIME, "at the same times")


def _alignment(one: Features, other: Features) -> float:
    """Return the shared share of the active times of both, each a little widened."""
    low, high = max(one.start, other.start) - 20, min(one.end, other.end) + 20
    return max(0.0, high - low) / (max(one.end, other.end) - min(one.start, other.start) + 40)


def _overlap(one: Features, other: Features) -> float:
    short, long = (one, other) if len(one.bins) <= len(other.bins) else (other, one)
    wide = {place + step for place in long.bins for step in (-1, 0, 1)}
    return sum(place in wide for place in short.bins) / max(1, len(short.bins))


def _beside(one: Features, other: Features, reach: int) -> tuple[float, float]:
    """Return the share of lines of one that have a line of the other within reach, and the share that chance gives."""
    hits = sum(_has(other.lines, line - reach, line + reach) for line in one.lines)
    width = max(one.lines[-1], other.lines[-1]) - min(one.lines[0], other.lines[0]) + 1
    chance = 1 - exp(-len(other.lines) * (2 * reach + 1) / max(width, 4 * reach))
    return hits / len(one.lines), chance


def _has(places: Sequence[float], low: float, high: float) -> bool:
    at = bisect_left(places, low)
    return at < len(places) and places[at] <= high

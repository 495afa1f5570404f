"""Find the knowledge entries that a text proves: their patterns hold in it and their exclusions do not.

A line meets some thousand patterns, and nearly all lines meet none. So a pattern is compiled when its literals are in
a text for the first time, and the literals are found through one rare four-character piece of each: the pieces of a
text are a set, and the intersection with the known pieces is the short list.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import repeat
from math import exp
from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Hit
from cali.stages.retrieve.literals import Needs, needs
from cali.stages.retrieve.ranking import NO_RANKING, Ranking, broader, likeness, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cali.core.models import KnowledgeEntry
    from cali.core.ports import KnowledgeIndex

LIMIT = 5  # hits shown
PIECE = 4  # characters
LONGEST = 32_768  # of a longer text both halves of this are searched: a trace names its cause at an end

# Letters outside ASCII that case-insensitive patterns take for one inside it.
FOLDED = str.maketrans({"\u212a": "k", "\u017f": "s", "\u0130": "i", "\u0131": "i"})


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the weight of a signature becomes a score."""

    verified: float = 0.5  # the score of the weakest signature that holds
    half: float = 16.0  # literal characters that halve the rest of the way to 1
    step: float = 0.8  # the score at most, as a share of the signature ranked before


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The result of retrieval. `hits` are best first; when `known`, the first may be asserted. `margin` is its lead over
    the second. `verified` names the entries whose signature holds, best first."""

    hits: tuple[Hit, ...]
    known: bool
    margin: float
    verified: tuple[str, ...] = ()


UNKNOWN = Retrieved((), known=False, margin=0.0)
CALIBRATED = Calibration()


class Match(NamedTuple):
    """An entry whose signature holds. `weight` is the number of literal characters that its patterns ask for.
    `at` is where in the text its last pattern holds."""

    id: str
    weight: int
    at: int


def retrieve(
    text: str,
    signatures: Signatures,
    index: KnowledgeIndex | None = None,
    limit: int = LIMIT,
    calibration: Calibration = CALIBRATED,
) -> Retrieved:
    """Return the known errors for an event's redacted text. `index` is searched only when no signature holds; without an
    index, a text without a signature stays unknown and has no hits."""
    matches = signatures.matches(text)
    near = () if matches or index is None else index.search(text, limit)
    return decide(matches, near, limit, calibration)


def decide(
    matches: Sequence[Match],
    near: Sequence[Hit],
    limit: int = LIMIT,
    calibration: Calibration = CALIBRATED,
) -> Retrieved:
    """Decide from the signatures that hold and the entries that are near, each best first, what the event is."""
    hits: list[Hit] = []
    verified: list[str] = []
    most = 1.0
    for match in matches:
        sureness = 1.0 - (1.0 - calibration.verified) * exp(-match.weight * 0.6931 / calibration.half)
        score = round(min(most, round(sureness, 4)), 4)
        most = score * calibration.step
        hits.append(Hit(match.id, score))
        verified.append(match.id)
    best = hits or near
    if not best:
        return UNKNOWN
    margin = round(best[0].score - (best[1].score if len(best) > 1 else 0.0), 4)
    return Retrieved(tuple(best[:limit]), bool(matches), margin, tuple(verified))


class _Alternative(NamedTuple):
    entry: int
    patterns: tuple[str, ...]
    needed: tuple[Needs, ...]
    weight: int


class Signatures:
    """The signatures of all entries, ready to be matched against one text after the other."""

    __slots__ = ("_always", "_compiled", "_entries", "_pieces", "_ranking", "_short")

    def __init__(
        self,
        entries: Iterable[KnowledgeEntry],
        needed: Mapping[str, Needs] | None = None,
        ranking: Ranking = NO_RANKING,
    ) -> None:
        """`needed` spares reading the patterns again, and `ranking` orders the matches; `Knowledge` has both."""
        known = needed or {}
        self._entries = tuple(entries)
        self._ranking = ranking
        self._compiled: dict[str, re.Pattern[str]] = {}
        self._always: list[_Alternative] = []
        self._short: list[tuple[str, _Alternative]] = []
        self._pieces: dict[str, list[tuple[str, _Alternative]]] = {}
        keyed: list[tuple[str, _Alternative]] = []
        for number, entry in enumerate(self._entries):
            for patterns in entry.match:
                wants: list[Needs] = []
                weight = 0
                rarest = (0, 0)
                key: tuple[str, ...] = ()
                for pattern in patterns:
                    want = known.get(pattern) or needs(pattern)
                    wants.append(want)
                    weight += want.weight
                    rarity = (min(map(len, want.anyof), default=0), -len(want.anyof))
                    if rarity > rarest:
                        rarest, key = rarity, want.anyof
                option = _Alternative(number, patterns, tuple(wants), weight)
                keyed.extend(zip(key, repeat(option)))
                if not key:
                    self._always.append(option)
        self._index(keyed)

    def _index(self, keyed: Sequence[tuple[str, _Alternative]]) -> None:
        """File each literal under its rarest piece. Three pieces are looked at: all of them would take five times as long."""
        pieces: dict[str, tuple[str, ...]] = {}
        common: Counter[str] = Counter()
        for literal, option in keyed:
            last = len(literal) - PIECE
            if last < 0:
                self._short.append((literal, option))
                continue
            middle = last // 2
            pieces[literal] = (literal[:PIECE], literal[middle : middle + PIECE], literal[last:])
            common.update(pieces[literal])
        for literal, option in keyed:
            if literal in pieces:
                rare = min(pieces[literal], key=common.__getitem__)
                self._pieces.setdefault(rare, []).append((literal, option))

    def matching(self, text: str) -> tuple[str, ...]:
        """Return the ids of the entries whose signature holds in the text, the likeliest first (`ranking.py`)."""
        return tuple(match.id for match in self.matches(text))

    def matches(self, text: str) -> tuple[Match, ...]:
        """Return the entries whose signature holds, the likeliest first. Of each entry its best alternative counts."""
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]}\n{text[-(LONGEST // 2) :]}"
        best: dict[int, Match] = {}
        for option in self._candidates(text):
            before = best.get(option.entry)
            if before and before.weight >= option.weight:
                continue
            at = self._holds(option.patterns, text)
            if at is not None:
                best[option.entry] = Match(self._entries[option.entry].id, option.weight, at)
        for number in list(best):
            for pattern in self._entries[number].unless:
                if self._pattern(pattern).search(text):
                    del best[number]
                    break
        return self._ranked(best, text) if len(best) > 1 else tuple(best.values())

    def _candidates(self, text: str) -> list[_Alternative]:
        """Return the alternatives whose literals are all in the text."""
        lower = text.lower() if text.isascii() else text.translate(FOLDED).lower()
        found = list(self._always)
        for literal, option in self._short:
            if literal in lower and _may_hold(option, lower):
                found.append(option)
        pieces = {lower[i : i + PIECE] for i in range(len(lower) - PIECE + 1)}
        for piece in self._pieces.keys() & pieces:
            for literal, option in self._pieces[piece]:
                if literal in lower and _may_hold(option, lower):
                    found.append(option)
        return found

    def _holds(self, patterns: Sequence[str], text: str) -> int | None:
        at = 0
        for pattern in patterns:
            found = self._pattern(pattern).search(text)
            if found is None:
                return None
            at = max(at, found.start())
        return at

    def _pattern(self, pattern: str) -> re.Pattern[str]:
        compiled = self._compiled.get(pattern)
        if compiled is None:
            compiled = self._compiled[pattern] = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
        return compiled

    def _ranked(self, held: Mapping[int, Match], text: str) -> tuple[Match, ...]:
        wider = broader([match.id for match in held.values()], self._ranking)
        found = words(text)

        def place(item: tuple[int, Match]) -> tuple[float, float, int, str]:
            number, match = item
            like = likeness(found, self._entries[number], self._ranking)
            return (wider[match.id], -like, -match.weight, match.id)

        return tuple(match for _, match in sorted(held.items(), key=place))


def _may_hold(option: _Alternative, lower: str) -> bool:
    """Return whether the text has a literal for each pattern of the alternative."""
    for want in option.needed:
        for literal in want.anyof:
            if literal in lower:
                break
        else:
            if want.anyof:
                return False
    return True

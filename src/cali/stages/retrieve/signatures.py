"""Signatures: knowledge entries whose patterns match a text and whose exclusions do not.

There are about a thousand patterns, and nearly all lines match none. A pattern is compiled when a text first contains its
literals. Each literal is indexed by one rare piece of four characters. The intersection of a text's pieces with the
indexed pieces gives the candidates.
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
from cali.stages.retrieve.products import fits
from cali.stages.retrieve.ranking import NO_RANKING, Ranking, broader, likeness, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cali.core.models import KnowledgeEntry
    from cali.core.ports import KnowledgeIndex

LIMIT = 5  # maximum hits
PIECE = 4  # characters per piece
LONGEST = (
    32_768  # maximum characters searched, half at each end of the text: a trace names its cause at an end
)

# Letters outside ASCII that case-insensitive patterns treat as ASCII letters.
FOLDED = str.maketrans({"\u212a": "k", "\u017f": "s", "\u0130": "i", "\u0131": "i"})


@dataclass(frozen=True, slots=True)
class Calibration:
    """The mapping of a signature's weight to a score."""

    verified: float = 0.5  # the score of the weakest matching signature
    half: float = 16.0  # literal characters that halve the remaining distance to 1
    step: float = 0.8  # the maximum score, as a share of the score of the previous rank


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The result of retrieval.

    `hits` are sorted best first. If `known`, the first can be asserted. `margin` is its lead over the second. `verified`
    holds the ids of the entries whose signature matches, best first.
    """

    hits: tuple[Hit, ...]
    known: bool
    margin: float
    verified: tuple[str, ...] = ()


UNKNOWN = Retrieved((), known=False, margin=0.0)
CALIBRATED = Calibration()


class Match(NamedTuple):
    """An entry whose signature matches.

    `weight` is the number of literal characters in its patterns. `at` is the place in the text where its last pattern
    matches. If `asserts` is false, the entry can only be suggested.
    """

    id: str
    weight: int
    at: int
    asserts: bool = True


def retrieve(
    text: str,
    signatures: Signatures,
    index: KnowledgeIndex | None = None,
    limit: int = LIMIT,
    calibration: Calibration = CALIBRATED,
) -> Retrieved:
    """Return the known errors for an event's redacted text.

    `index` is searched only if no signature matches. Without an index, such a text has no hits.
    """
    matches = signatures.matches(text)
    near = () if matches or index is None else index.search(text, limit)
    return decide(matches, near, limit, calibration)


def decide(
    matches: Sequence[Match],
    near: Sequence[Hit],
    limit: int = LIMIT,
    calibration: Calibration = CALIBRATED,
) -> Retrieved:
    """Return the result from the matching signatures and the near entries, each sorted best first."""
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
    return Retrieved(tuple(best[:limit]), bool(matches) and matches[0].asserts, margin, tuple(verified))


class _Alternative(NamedTuple):
    entry: int
    patterns: tuple[str, ...]
    needed: tuple[Needs, ...]
    weight: int


class Signatures:
    """The indexed signatures of all entries."""

    __slots__ = ("_always", "_compiled", "_entries", "_pieces", "_ranking", "_short")

    def __init__(
        self,
        entries: Iterable[KnowledgeEntry],
        needed: Mapping[str, Needs] | None = None,
        ranking: Ranking = NO_RANKING,
    ) -> None:
        """Index the entries. `needed` saves parsing the patterns, `ranking` orders the matches; `Knowledge` has both."""
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
        """Index each literal by the rarest of three of its pieces. Checking all pieces would take five times as long."""
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
        """Return the ids of the entries whose signature matches the text, most likely first (`ranking.py`)."""
        return tuple(match.id for match in self.matches(text))

    def matches(self, text: str) -> tuple[Match, ...]:
        """Return the entries whose signature matches, most likely first. The best alternative of each entry counts.

        An entry is left out if another product wrote the text (`products.py`).
        """
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]}\n{text[-(LONGEST // 2) :]}"
        best: dict[int, Match] = {}
        for option in self._candidates(text):
            before = best.get(option.entry)
            if before and before.weight >= option.weight:
                continue
            at = self._holds(option.patterns, text)
            if at is not None:
                entry = self._entries[option.entry]
                best[option.entry] = Match(entry.id, option.weight, at, entry.asserts)
        for number in list(best):
            entry = self._entries[number]
            excluded = any(self._pattern(pattern).search(text) for pattern in entry.unless)
            if excluded or not fits(entry.products, text):
                del best[number]
        return self._ranked(best, text) if len(best) > 1 else tuple(best.values())

    def _candidates(self, text: str) -> list[_Alternative]:
        """Return the alternatives with a literal of each pattern in the text."""
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

        def place(item: tuple[int, Match]) -> tuple[bool, bool, float, float, int, str]:
            number, match = item
            entry = self._entries[number]
            like = likeness(found, entry, self._ranking)
            return (not entry.asserts, entry.broad, wider[match.id], -like, -match.weight, match.id)

        return tuple(match for _, match in sorted(held.items(), key=place))


def _may_hold(option: _Alternative, lower: str) -> bool:
    """Return True if the text contains a literal for each pattern of the alternative."""
    for want in option.needed:
        for literal in want.anyof:
            if literal in lower:
                break
        else:
            if want.anyof:
                return False
    return True

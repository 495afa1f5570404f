"""Which knowledge entries a text proves: their patterns hold in it and their exclusions do not.

A line meets some thousand patterns, and nearly all lines meet none. So a pattern is compiled when its literals are in
a text for the first time, and the literals are found through one rare four-character piece of each: the pieces of a
text are a set, and what it shares with the known pieces is the short list.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from cali.stages.retrieve.literals import Needs, needs
from cali.stages.retrieve.ranking import NO_RANKING, Ranking, broader, likeness, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cali.core.models import KnowledgeEntry

PIECE = 4  # characters
LONGEST = (
    32_768  # of a longer text the first and the last half of this is read: a trace names its cause at an end
)

# Letters outside ASCII that case-insensitive patterns take for one inside it.
FOLDED = str.maketrans({"\u212a": "k", "\u017f": "s", "\u0130": "i", "\u0131": "i"})


class Match(NamedTuple):
    """An entry whose signature holds. `weight` says how specific: the literal characters its patterns ask for.
    `at` is where in the text its last pattern holds."""

    id: str
    weight: int
    at: int


class _Alternative(NamedTuple):
    entry: int
    patterns: tuple[str, ...]
    needed: tuple[Needs, ...]
    weight: int


class Signatures:
    """The signatures of all entries, ready to be asked about one text after the other."""

    __slots__ = ("_always", "_compiled", "_entries", "_pieces", "_ranking", "_short")

    def __init__(
        self,
        entries: Iterable[KnowledgeEntry],
        needed: Mapping[str, Needs] | None = None,
        ranking: Ranking = NO_RANKING,
    ) -> None:
        """`needed` spares reading the patterns again, and `ranking` orders what matches; `Knowledge` has both."""
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
                wants = tuple(known.get(pattern) or needs(pattern) for pattern in patterns)
                option = _Alternative(number, patterns, wants, sum(want.weight for want in wants))
                key = max(wants, key=_rarity).anyof
                keyed += [(literal, option) for literal in key]
                if not key:
                    self._always.append(option)
        self._index(keyed)

    def matching(self, text: str) -> tuple[str, ...]:
        """The ids of the entries whose signature holds in the text, the likeliest first (`ranking.py`)."""
        return tuple(match.id for match in self.matches(text))

    def matches(self, text: str) -> tuple[Match, ...]:
        """The same with how specific each is: its best alternative counts."""
        text = _ends(text)
        best: dict[int, Match] = {}
        for option in self._candidates(_folded(text)):
            before = best.get(option.entry)
            if before and before.weight >= option.weight:
                continue
            at = self._holds(option.patterns, text)
            if at is not None:
                best[option.entry] = Match(self._entries[option.entry].id, option.weight, at)
        if not best:
            return ()
        held = {number: match for number, match in best.items() if not self._excluded(number, text)}
        return self._ranked(held, text) if len(held) > 1 else tuple(held.values())

    def _ranked(self, held: Mapping[int, Match], text: str) -> tuple[Match, ...]:
        after = broader([match.id for match in held.values()], self._ranking)
        said = words(text)

        def place(item: tuple[int, Match]) -> tuple[float, float, int, str]:
            number, match = item
            like = likeness(said, self._entries[number], self._ranking)
            return (after[match.id], -like, -match.weight, match.id)

        return tuple(match for _, match in sorted(held.items(), key=place))

    def _index(self, keyed: Sequence[tuple[str, _Alternative]]) -> None:
        some = {literal: _some_pieces(literal) for literal, _ in keyed}
        common = Counter(piece for literal, _ in keyed for piece in some[literal])
        for literal, option in keyed:
            if len(literal) < PIECE:
                self._short.append((literal, option))
                continue
            rare = min(some[literal], key=common.__getitem__)
            self._pieces.setdefault(rare, []).append((literal, option))

    def _candidates(self, lower: str) -> list[_Alternative]:
        found = [option for literal, option in self._short if literal in lower]
        for piece in self._pieces.keys() & _pieces(lower):
            found += [option for literal, option in self._pieces[piece] if literal in lower]
        likely = [option for option in found if all(_may_hold(want, lower) for want in option.needed)]
        return likely + self._always

    def _holds(self, patterns: Sequence[str], text: str) -> int | None:
        at = 0
        for pattern in patterns:
            found = self._pattern(pattern).search(text)
            if found is None:
                return None
            at = max(at, found.start())
        return at

    def _excluded(self, number: int, text: str) -> bool:
        return any(self._pattern(pattern).search(text) for pattern in self._entries[number].unless)

    def _pattern(self, pattern: str) -> re.Pattern[str]:
        compiled = self._compiled.get(pattern)
        if compiled is None:
            compiled = self._compiled[pattern] = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
        return compiled


def _pieces(text: str) -> set[str]:
    return {text[i : i + PIECE] for i in range(len(text) - PIECE + 1)}


def _some_pieces(literal: str) -> tuple[str, ...]:
    """Pieces to choose a rare one from. Three are enough: looking at all of them takes five times as long to start."""
    last = len(literal) - PIECE
    return tuple(literal[at : at + PIECE] for at in (0, last // 2, last)) if last >= 0 else ()


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(FOLDED).lower()


def _may_hold(want: Needs, lower: str) -> bool:
    return not want.anyof or any(literal in lower for literal in want.anyof)


def _rarity(want: Needs) -> tuple[int, int]:
    return (min((len(literal) for literal in want.anyof), default=0), -len(want.anyof))


def _ends(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n{text[-half:]}"

"""Which rules could fit a text, told quickly: most texts hold none of the literals without which no rule fits.

To look for some two hundred literals in every line would cost more than all the rest of refine. A literal
without a blank lies within one token, and a token is looked at once and remembered; what is left for a line are
the few literals with a blank.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from cali.core.normalise import ID_CHARACTERS, find_ids
from cali.stages.refine.redact.rules import Rule

_Groups = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]

_ID, _NO_DASH = b"\x02", re.compile(b"[^-]")  # what stands for a character of an id
_TOKENS = 100_000  # remembered tokens; then all are forgotten, which changes nothing but the time


class Suspicion(dict[str, int]):
    """The rules whose literals a text holds, as bits by the rules' places.

    As a mapping it gives the bits of a digit-blind token, and remembers them.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        solid: dict[str, int] = defaultdict(int)
        spaced: dict[str, int] = defaultdict(int)
        for place, rule in enumerate(rules):
            for literal in rule.needs:
                # A blank at a literal's end says no more than that a token ends there.
                (spaced if " " in literal.strip() else solid)[literal.strip()] |= 1 << place
        self._solid, self._spaced = tuple(solid.items()), _grouped(spaced)
        self._in_ids = tuple((each, _in_id(each)) for each in (*solid, *spaced) if _may_lie_in_id(each))
        self._maybe_in_ids = _grouped({each: 1 for each, _ in self._in_ids})
        self._any = re.compile(_trie(list(solid))) if solid else re.compile(r"(?!)")
        self._within = tuple((1 << place, rule.pattern) for place, rule in enumerate(rules) if rule.within)

    def __missing__(self, token: str) -> int:
        if len(self) >= _TOKENS:
            self.clear()
        found = self[token] = self._bits(token)
        return found

    def _bits(self, token: str) -> int:
        low = token.lower()
        if not self._any.search(low):
            return 0
        found = 0
        for literal, bits in self._solid:
            if literal in low:
                found |= bits
        for bit, pattern in self._within:
            if found & bit and not pattern.search(token):
                found ^= bit
        return found

    def spaced(self, blind: str) -> int:
        """The bits of the literals with a blank within that are in a digit-blind text."""
        return _found(self._spaced, blind.lower())

    def ids_matter(self, blind: str) -> bool:
        """Whether a literal is in the text that could be lost when its ids are made alike."""
        return _found(self._maybe_in_ids, blind.lower()) != 0

    def lost_in_ids(self, normalised: bytes) -> tuple[str, ...]:
        """The literals that a text could hold, and lose when its ids are made alike, of the texts that become this one."""
        marked, done = b"", 0
        for found in find_ids(normalised):
            marked += normalised[done : found.start()] + _NO_DASH.sub(_ID, found[0])
            done = found.end()
        low = (marked + normalised[done:]).decode("utf-8", "surrogatepass").lower()
        return tuple(literal for literal, pattern in self._in_ids if pattern.search(low))

    def text(self, blind: str) -> int:
        """The bits of all literals in a digit-blind text."""
        found = self.spaced(blind)
        for token in blind.split(" "):
            found |= self[token]
        return found


def _may_lie_in_id(literal: str) -> bool:
    """Whether a word of the literal may be the inside of an id; any other word keeps clear of ids, which end at words'
    ends."""
    return any(ID_CHARACTERS.issuperset(word) for word in re.findall(r"[A-Za-z0-9]+", literal))


def _in_id(literal: str) -> re.Pattern[str]:
    """Finds where a text may hold the literal, at least a part of it within an id. Ids are marked."""
    mark = _ID.decode()
    characters = (f"[{each}{mark}]" if each in ID_CHARACTERS else re.escape(each) for each in literal)
    return re.compile(f"(?=[^{mark}]{{0,{len(literal) - 1}}}{mark})" + "".join(characters))


def _grouped(literals: Mapping[str, int]) -> _Groups:
    """The literals by their first character that is no letter or digit and the two after it: few looks for many."""
    groups: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for literal, bits in literals.items():
        sign = re.search(r"[^A-Za-z0-9]", literal)
        core = literal[sign.start() : sign.start() + 3] if sign else literal
        groups[core].append((literal, bits))
    return tuple((core, tuple(found)) for core, found in groups.items())


def _found(groups: _Groups, low: str) -> int:
    bits = 0
    for core, literals in groups:
        if core in low:
            for literal, bit in literals:
                if literal in low:
                    bits |= bit
    return bits


def _trie(literals: list[str]) -> str:
    """A pattern for any of the literals, common beginnings shared: the regular expression engine tries each by itself."""
    if "" in literals:
        return ""
    by_first: dict[str, list[str]] = defaultdict(list)
    for literal in literals:
        by_first[literal[0]].append(literal[1:])
    return "(?:" + "|".join(re.escape(first) + _trie(rest) for first, rest in sorted(by_first.items())) + ")"

"""Which rules could fit a text, told quickly: most texts hold none of the literals without which no rule fits.

To look for some two hundred literals in every line would cost more than all the rest of refine. A literal
without a blank lies within one token, and a token is looked at once and remembered; what is left for a line are
the few literals with a blank.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from cali.stages.refine.redact.rules import Rule

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
        self._solid, self._spaced = tuple(solid.items()), tuple(spaced.items())
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
        low = blind.lower()
        found = 0
        for literal, bits in self._spaced:
            if literal in low:
                found |= bits
        return found

    def text(self, blind: str) -> int:
        """The bits of all literals in a digit-blind text."""
        found = self.spaced(blind)
        for token in blind.split(" "):
            found |= self[token]
        return found


def _trie(literals: list[str]) -> str:
    """A pattern for any of the literals, common beginnings shared: the regular expression engine tries each by itself."""
    if "" in literals:
        return ""
    by_first: dict[str, list[str]] = defaultdict(list)
    for literal in literals:
        by_first[literal[0]].append(literal[1:])
    return "(?:" + "|".join(re.escape(first) + _trie(rest) for first, rest in sorted(by_first.items())) + ")"

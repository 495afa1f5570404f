"""Applies the redaction rules to text.

Most texts hold none of the literals without which no rule fits, so a prefilter finds them first. To look for some two hundred
literals in every line would cost more than all the rest of refine. A literal without a blank lies within one token, and a
token is looked at once and remembered; what is left for a line are the few literals with a blank.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache

from cali.core.normalise import ID_CHARACTERS, ZEROS, find_ids
from cali.stages.refine.redact.rules import RedactionRule, default_table

_Groups = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]

_ID, _NO_DASH = b"\x02", re.compile(b"[^-]")  # what stands for a character of an id
_TOKENS = 100_000  # remembered tokens; then all are forgotten, which changes nothing but the time
_BLIND = str.maketrans("123456789", "000000000")
_SHAPES, _LONGEST = 1_024, 4_096  # remembered texts and their bytes: 4 MB at the most
_PASSES = 6  # what one rule hides may bring out a match of another; more rounds than this mean a broken rule


class _RuleFailedError(Exception):
    """A redaction rule that raised; its name is the argument."""


class Redactor:
    """Replaces secrets and personal data with typed placeholders such as `<email>`.

    `text` is all most callers need. On a hot path, memoise `candidates` per digit-blind shape and call `apply`
    only when it is not empty: `apply(s, candidates(blind(s))) == text(s)`.
    A text that `suspects` refuses has no candidates. If it holds none of `lost_in_ids`, or `ids_matter` is false, the
    text with its ids normalised gives the same answer.
    Redaction is idempotent. When a rule fails, the whole text is hidden and the rule is named.
    """

    def __init__(
        self,
        rules: Sequence[RedactionRule] | None = None,
        *,
        addresses: bool = False,
        version: str = "custom",
    ) -> None:
        """`rules` default to the table that ships with CALI; `addresses` also hides IP addresses."""
        if rules is None:
            version, rules = default_table()
        self.version = f"{version}+addresses" if addresses else version
        options = {"", "addresses"} if addresses else {""}
        self._rules = tuple([rule for rule in rules if rule.option in options])
        self._prefilter = _prefilter_of(self._rules)
        self._known: dict[
            bytes, tuple[RedactionRule, ...]
        ] = {}  # candidates of texts, most of them traces, which repeat
        self.ids_matter = self._prefilter.ids_matter
        self.lost_in_ids = self._prefilter.lost_in_ids

    def text(self, s: str) -> str:
        """Return `s` with everything hidden that a rule finds."""
        shape = s.encode("utf-8", "surrogatepass").translate(ZEROS)
        rules = self._known.get(shape)
        if rules is None:
            rules = self.candidates(shape.decode("utf-8", "surrogatepass"))
            if len(shape) <= _LONGEST:
                if len(self._known) >= _SHAPES:
                    self._known.clear()
                self._known[shape] = rules
        return self.apply(s, rules) if rules else s

    def suspects(self, blind: str) -> bool:
        """Return False if no rule can match a line of this shape, without looking at any pattern."""
        return self._prefilter.text(blind) != 0

    def candidates(self, blind: str) -> tuple[RedactionRule, ...]:
        """Return the rules that may match some line of this shape. `blind` is the line with each digit set to 0."""
        bits = self._prefilter.text(blind)
        low = blind.lower() if bits else ""
        found: list[RedactionRule] = []
        while bits:
            index = (bits & -bits).bit_length() - 1
            bits &= bits - 1
            rule = self._rules[index]
            if rule.also and not any(literal in low for literal in rule.also):
                continue
            if rule.pattern.search(blind):
                found.append(rule)
        return tuple(found)

    def apply(self, s: str, rules: Sequence[RedactionRule]) -> str:
        """Return `s` with everything hidden that these rules find, and what the replacements then reveal."""
        try:
            for _ in range(_PASSES):
                before = s
                for rule in rules:
                    s = _hide(s, rule)
                if s == before:
                    return s
                rules = self.candidates(s.translate(_BLIND))
        except _RuleFailedError as failure:
            return f"<hidden: redaction rule {failure} failed>"
        return f"<hidden: redaction rule {rules[0].name if rules else 'order'} failed>"


def _hide(s: str, rule: RedactionRule) -> str:
    verify = rule.verify
    try:
        # Most candidates turn out to be none: to see that costs half of what a substitution does.
        if not any(verify is None or verify(match) for match in rule.pattern.finditer(s)):
            return s
        return rule.pattern.sub(lambda match: _hidden(match, rule), s)
    except Exception as error:
        raise _RuleFailedError(rule.name) from error


def _hidden(match: re.Match[str], rule: RedactionRule) -> str:
    if rule.verify is not None and not rule.verify(match):
        return match[0]
    whole, begin = match[0], match.start()
    for name in ("v", "w"):
        start, end = match.span(name) if name in rule.pattern.groupindex else (-1, -1)
        if start >= 0:
            return whole[: start - begin] + rule.placeholder + whole[end - begin :]
    return rule.placeholder


@cache
def _prefilter_of(rules: tuple[RedactionRule, ...]) -> Prefilter:
    return Prefilter(rules)


class Prefilter(dict[str, int]):
    """Finds the rules whose literals a text holds, as bits by the rules' places.

    As a mapping it caches the bits of digit-blind tokens.
    """

    def __init__(self, rules: Sequence[RedactionRule]) -> None:
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

    def ids_matter(self, blind: str) -> bool:
        """Return whether the text holds a literal that normalising its ids could destroy."""
        return _found(self._maybe_in_ids, blind.lower()) != 0

    def lost_in_ids(self, normalised: bytes) -> tuple[str, ...]:
        """Return the literals that normalising the ids of a text could destroy, for all texts with this result."""
        with_marks, position = b"", 0
        for found in find_ids(normalised):
            with_marks += normalised[position : found.start()] + _NO_DASH.sub(_ID, found[0])
            position = found.end()
        low = (with_marks + normalised[position:]).decode("utf-8", "surrogatepass").lower()
        return tuple(literal for literal, pattern in self._in_ids if pattern.search(low))

    def text(self, blind: str) -> int:
        """Return the bits of all literals in a digit-blind text."""
        found = _found(self._spaced, blind.lower())
        for token in blind.split(" "):
            found |= self[token]
        return found


def _may_lie_in_id(literal: str) -> bool:
    """Return whether a word of the literal may lie within an id. Other words cannot: an id is a word of its own."""
    return any(ID_CHARACTERS.issuperset(word) for word in re.findall(r"[A-Za-z0-9]+", literal))


def _in_id(literal: str) -> re.Pattern[str]:
    """Return a pattern for texts that may hold the literal at least partly within an id. Characters of ids are marked."""
    mark = _ID.decode()
    characters = (f"[{each}{mark}]" if each in ID_CHARACTERS else re.escape(each) for each in literal)
    return re.compile(f"(?=[^{mark}]{{0,{len(literal) - 1}}}{mark})" + "".join(characters))


def _grouped(literals: Mapping[str, int]) -> _Groups:
    """Group literals by their first sign and the two characters after it: few searches rule out many literals."""
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
    """Return a pattern for any of the literals with common prefixes shared: the engine would try each by itself."""
    if "" in literals:
        return ""
    by_first: dict[str, list[str]] = defaultdict(list)
    for literal in literals:
        by_first[literal[0]].append(literal[1:])
    return "(?:" + "|".join(re.escape(first) + _trie(rest) for first, rest in sorted(by_first.items())) + ")"

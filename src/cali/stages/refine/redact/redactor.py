"""The redactor: applies the redaction rules to text.

Each rule needs one of its literals in the text, and most texts contain none. A prefilter finds the literals first. To
search every line for about two hundred literals would cost more than the rest of refine. A literal without a blank lies
within one token, so results are cached per token. Only the few literals with a blank are searched in every line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache

from cali.core.normalise import ID_CHARACTERS, ZEROS, find_ids
from cali.stages.refine.redact.rules import RedactionRule, default_table

_Groups = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]

_ID, _NO_DASH = b"\x02", re.compile(b"[^-]")  # the placeholder for a character of an id
_TOKENS = 100_000  # maximum cached tokens; a full cache is cleared
_BLIND = str.maketrans("123456789", "000000000")
_SHAPES, _LONGEST = 1_024, 4_096  # maximum cached texts and bytes per text: 4 MB in total
_REPEATED = 16  # minimum length of a value that is hidden everywhere in the text
_PASSES = 6  # a replacement can create a match of another rule; more rounds than this mean a broken rule


class _RuleFailedError(Exception):
    """A redaction rule raised an exception. The argument is the rule's name."""


class Redactor:
    """A service that replaces secrets and personal data by typed placeholders such as `<email>`.

    Most callers need only `text`. On a hot path, cache `candidates` per digit-blind shape and call `apply` only if there
    are any: `apply(s, candidates(blind(s))) == text(s)`. If `suspects` returns False, a text has no candidates. If a text
    contains none of `lost_in_ids`, or `ids_matter` is false, the text with its ids normalised gives the same result.
    Redaction is idempotent. If a rule fails, the whole text is hidden and the rule is named.
    """

    def __init__(
        self,
        rules: Sequence[RedactionRule] | None = None,
        *,
        addresses: bool = False,
        version: str = "custom",
    ) -> None:
        """Compile the rules. `rules` defaults to the shipped table. `addresses` also hides IP addresses."""
        if rules is None:
            version, rules = default_table()
        self.version = f"{version}+addresses" if addresses else version
        options = {"", "addresses"} if addresses else {""}
        self._rules = tuple([rule for rule in rules if rule.option in options])
        self._prefilter = _prefilter_of(self._rules)
        self._known: dict[
            bytes, tuple[RedactionRule, ...]
        ] = {}  # candidates by text; most are traces, which repeat
        self.ids_matter = self._prefilter.ids_matter
        self.lost_in_ids = self._prefilter.lost_in_ids

    def text(self, s: str) -> str:
        """Return `s` with the matches of all rules hidden."""
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
        """Return False if no rule can match a line of this shape. No pattern is tried."""
        return self._prefilter.text(blind) != 0

    def candidates(self, blind: str) -> tuple[RedactionRule, ...]:
        """Return the rules that can match a line of this shape. `blind` is the line with each digit as 0."""
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
        """Return `s` with the matches of these rules hidden, including matches that replacements create."""
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
        # Most candidates do not match. A search costs half of a substitution.
        if not any(verify is None or verify(match) for match in rule.pattern.finditer(s)):
            return s
        values: set[str] = set()
        s = rule.pattern.sub(lambda match: _hidden(match, rule, values), s)
    except Exception as error:
        raise _RuleFailedError(rule.name) from error
    for value in sorted(values, key=len, reverse=True):  # a line can repeat a secret where no word names it
        s = s.replace(value, rule.placeholder)
    return s


def _hidden(match: re.Match[str], rule: RedactionRule, values: set[str]) -> str:
    if rule.verify is not None and not rule.verify(match):
        return match[0]
    whole, begin = match[0], match.start()
    for name in ("v", "w"):
        start, end = match.span(name) if name in rule.pattern.groupindex else (-1, -1)
        if start >= 0:
            if end - start >= _REPEATED and _distinct(match[name]):
                values.add(match[name])
            return whole[: start - begin] + rule.placeholder + whole[end - begin :]
    return rule.placeholder


def _distinct(value: str) -> bool:
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value)) and " " not in value


@cache
def _prefilter_of(rules: tuple[RedactionRule, ...]) -> Prefilter:
    return Prefilter(rules)


class Prefilter(dict[str, int]):
    """A filter that finds the rules whose literals a text contains, as a bit set of rule indexes.

    The mapping itself is a cache of bit sets by digit-blind token.
    """

    def __init__(self, rules: Sequence[RedactionRule]) -> None:
        solid: dict[str, int] = defaultdict(int)
        spaced: dict[str, int] = defaultdict(int)
        cased: dict[str, int] = defaultdict(int)
        for place, rule in enumerate(rules):
            for literal in rule.cased_needs:
                cased[literal] |= 1 << place
            for literal in rule.needs:
                # A blank at the end of a literal means only that the token ends there.
                (spaced if " " in literal.strip() else solid)[literal.strip()] |= 1 << place
        self._solid, self._spaced, self._cased = tuple(solid.items()), _grouped(spaced), tuple(cased.items())
        apart = sum(1 << place for place, rule in enumerate(rules) if rule.outside_ids)
        literals = (*solid.items(), *spaced.items(), *cased.items())
        self._in_ids = tuple(
            (each, _in_id(each)) for each, bits in literals if bits & ~apart and _may_lie_in_id(each)
        )
        self._maybe_in_ids = _grouped({each: 1 for each, _ in self._in_ids})
        self._any, self._any_cased = _any_of(list(solid)), _any_of(list(cased))
        self._within = tuple((1 << place, rule.pattern) for place, rule in enumerate(rules) if rule.within)

    def __missing__(self, token: str) -> int:
        if len(self) >= _TOKENS:
            self.clear()
        found = self[token] = self._bits(token)
        return found

    def _bits(self, token: str) -> int:
        low, found = token.lower(), 0
        if self._any_cased.search(token):
            for literal, bits in self._cased:
                if literal in token:
                    found |= bits
        if self._any.search(low):
            for literal, bits in self._solid:
                if literal in low:
                    found |= bits
        for bit, pattern in self._within:
            if found & bit and not pattern.search(token):
                found ^= bit
        return found

    def ids_matter(self, blind: str) -> bool:
        """Return True if the text contains a literal that normalising its ids could destroy."""
        return _found(self._maybe_in_ids, blind.lower()) != 0

    def lost_in_ids(self, normalised: bytes) -> tuple[str, ...]:
        """Return the literals that normalising ids could destroy, for all texts with this normalised form."""
        with_marks, position = b"", 0
        for found in find_ids(normalised):
            with_marks += normalised[position : found.start()] + _NO_DASH.sub(_ID, found[0])
            position = found.end()
        low = (with_marks + normalised[position:]).decode("utf-8", "surrogatepass").lower()
        return tuple(literal for literal, pattern in self._in_ids if pattern.search(low))

    def text(self, blind: str) -> int:
        """Return the bit set of all literals in a digit-blind text."""
        found = _found(self._spaced, blind.lower())
        for token in blind.split(" "):
            found |= self[token]
        return found


def _may_lie_in_id(literal: str) -> bool:
    """Return True if a word of the literal can be part of an id. An id is always a whole word."""
    return any(ID_CHARACTERS.issuperset(word) for word in re.findall(r"[A-Za-z0-9]+", literal))


def _in_id(literal: str) -> re.Pattern[str]:
    """Return a pattern for texts that contain the literal partly within an id. Characters of ids are marked."""
    mark = _ID.decode()
    characters = (f"[{each}{mark}]" if each in ID_CHARACTERS else re.escape(each) for each in literal)
    return re.compile(f"(?=[^{mark}]{{0,{len(literal) - 1}}}{mark})" + "".join(characters))


def _grouped(literals: Mapping[str, int]) -> _Groups:
    """Group literals by their first sign and the next two characters, so that few searches rule out many literals."""
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


def _any_of(literals: list[str]) -> re.Pattern[str]:
    return re.compile(_trie(literals) if literals else r"(?!)")


def _trie(literals: list[str], depth: int = 3) -> str:
    """Return a pattern for any of the literals that shares common prefixes. The engine would try each one separately."""
    if "" in literals:
        return ""
    if depth == 0:
        return "(?:" + "|".join(map(re.escape, sorted(literals))) + ")"
    by_first: dict[str, list[str]] = defaultdict(list)
    for literal in literals:
        by_first[literal[0]].append(literal[1:])
    branches = (re.escape(first) + _trie(rest, depth - 1) for first, rest in sorted(by_first.items()))
    return "(?:" + "|".join(branches) + ")"

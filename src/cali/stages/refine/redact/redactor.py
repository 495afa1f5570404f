"""Applies the redaction rules to text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cali.core.normalise import ZEROS
from cali.stages.refine.redact.prefilter import Suspicion
from cali.stages.refine.redact.rules import Rule, default_table

_BLIND = str.maketrans("123456789", "000000000")
_SHAPES, _LONGEST = 1_024, 4_096  # remembered texts and their bytes: 4 MB at the most
_PASSES = 6  # what one rule hides may bring out a match of another; more rounds than this mean a broken rule


class _RuleFailedError(Exception):
    """A rule could not decide; its name is the argument."""


class Redactor:
    """Replaces secrets and personal data with typed placeholders such as `<email>`.

    `text` is all most callers need. On a hot path, memoise `candidates` per digit-blind shape and call `apply`
    only when it is not empty: `apply(s, candidates(blind(s))) == text(s)`.
    A text has no candidates if `suspects_token` is 0 for each of its tokens, and `suspects_spaced` is 0 for the text; if
    it holds none of `lost_in_ids`, or `ids_matter` is false, that may be asked of the text with its ids made alike.
    Redaction is idempotent. When a rule fails, the whole text is hidden and the rule is named.
    """

    def __init__(
        self, rules: Sequence[Rule] | None = None, *, addresses: bool = False, version: str = "custom"
    ) -> None:
        """`rules` default to the table that ships with CALI; `addresses` also hides IP addresses."""
        if rules is None:
            version, rules = default_table()
        self.version = f"{version}+addresses" if addresses else version
        options = {"", "addresses"} if addresses else {""}
        self._rules = tuple(rule for rule in rules if rule.option in options)
        self._suspicion = Suspicion(self._rules)
        self._known: dict[
            bytes, tuple[Rule, ...]
        ] = {}  # candidates of texts, most of them traces, which repeat
        self.suspects_token = self._suspicion.__getitem__
        self.suspects_spaced = self._suspicion.spaced
        self.ids_matter = self._suspicion.ids_matter
        self.lost_in_ids = self._suspicion.lost_in_ids

    def text(self, s: str) -> str:
        """`s` with everything hidden that a rule finds."""
        shape = s.encode("utf-8", "surrogatepass").translate(ZEROS)
        rules = self._known.get(shape)
        if rules is None:
            rules = self.candidates(shape.decode("utf-8", "surrogatepass"))
            if len(shape) <= _LONGEST:
                if len(self._known) >= _SHAPES:
                    self._known.clear()
                self._known[shape] = rules
        return self.apply(s, rules) if rules else s

    def candidates(self, blind: str) -> tuple[Rule, ...]:
        """The rules that may match some line of this shape. `blind` is the line with each digit set to 0."""
        bits = self._suspicion.text(blind)
        low = blind.lower() if bits else ""
        found: list[Rule] = []
        while bits:
            index = (bits & -bits).bit_length() - 1
            bits &= bits - 1
            rule = self._rules[index]
            if rule.also and not any(literal in low for literal in rule.also):
                continue
            if rule.pattern.search(blind):
                found.append(rule)
        return tuple(found)

    def apply(self, s: str, rules: Sequence[Rule]) -> str:
        """`s` with everything hidden that these rules find, and what only then comes to light."""
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


def _hide(s: str, rule: Rule) -> str:
    verify = rule.verify
    try:
        # Most candidates turn out to be none: to see that costs half of what a substitution does.
        if not any(verify is None or verify(match) for match in rule.pattern.finditer(s)):
            return s
        return rule.pattern.sub(lambda match: _hidden(match, rule), s)
    except Exception as error:
        raise _RuleFailedError(rule.name) from error


def _hidden(match: re.Match[str], rule: Rule) -> str:
    if rule.verify is not None and not rule.verify(match):
        return match[0]
    whole, begin = match[0], match.start()
    for name in ("v", "w"):
        start, end = match.span(name) if name in rule.pattern.groupindex else (-1, -1)
        if start >= 0:
            return whole[: start - begin] + rule.placeholder + whole[end - begin :]
    return rule.placeholder

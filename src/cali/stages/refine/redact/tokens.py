"""Tokens that their own form shows: a prefix, an alphabet and a length, such as `npm_{alnum:36}`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cali.stages.refine.redact.verify import generated, says_something

ALPHABETS = {
    "digit": "0-9",
    "hex": "0-9a-f",
    "lower": "0-9a-z",
    "upper": "0-9A-Z",
    "alnum": "0-9A-Za-z",
    "word": "0-9A-Za-z_-",
    "base": "0-9A-Za-z+/_=-",
    "dotted": "0-9A-Za-z_.=-",
}
_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_PART = re.compile(r"\{(?:(?P<uuid>uuid)|(?P<alphabet>\w+):(?P<least>\d+)(?P<open>\+|-(?P<most>\d+))?)\}")
_DIGIT = re.compile(r"\d")
# An id of normalisation is a whole word of these characters, so a token with another character is not part of one.
_NO_ID = "(?=[0-9a-f]*[A-Zg-z])"


@dataclass(frozen=True, slots=True)
class TokenForms:
    """Forms of tokens. `pattern` is digit-blind; `verify` compares the digits of the prefixes too."""

    pattern: re.Pattern[str]
    needs: tuple[str, ...]
    exact: tuple[str, ...]

    def verify(self, match: re.Match[str]) -> bool:
        """Accept a token of one of the forms with a body that looks generated."""
        token = match["v"]
        for form in self.exact:
            if found := _compiled(form).match(token):  # the end of the token is what the blind pattern found
                body = "".join(found.groups(""))
                return says_something(body) and generated(body)
        return False


@cache
def _compiled(form: str) -> re.Pattern[str]:
    return re.compile(form)  # few of the forms are ever met, and all of them take 100 ms


def parse_forms(forms: Sequence[str], *, outside_ids: bool) -> TokenForms:
    """Parse the forms of a rule. Raise ValueError for an unknown alphabet or a form without a prefix."""
    prefixes: dict[str, list[str]] = defaultdict(list)  # by what follows them: a set is compiled once
    exact, needs = [], []
    for form in forms:
        literals, bodies, position = [], [], 0
        for part in _PART.finditer(form):
            literals.append(form[position : part.start()])
            bodies.append(_body(part, last=part.end() == len(form)))
            position = part.end()
        literals.append(form[position:])
        if not bodies or "{" in "".join(literals):
            raise ValueError(f"token {form!r}: a part must be {{alphabet:length}} or {{uuid}}")
        longest = max(literals, key=len)
        if len(longest) < 3:
            raise ValueError(f"token {form!r}: needs a literal of three characters")
        needs.append(_DIGIT.sub("0", longest))
        first, *rest = map(re.escape, literals)
        tail = "".join(
            body + _DIGIT.sub("[0-9]", literal) for body, literal in zip(bodies, rest, strict=True)
        )
        prefixes[tail].append(_DIGIT.sub("[0-9]", first))
        exact.append(
            first + "".join(f"({body}){literal}" for body, literal in zip(bodies, rest, strict=True))
        )
    apart = _NO_ID if outside_ids else ""
    branches = "|".join(f"(?:{'|'.join(first)}){tail}" for tail, first in prefixes.items())
    pattern = re.compile(f"(?<![A-Za-z0-9]){apart}(?P<v>{branches})")
    return TokenForms(pattern, tuple(dict.fromkeys(needs)), tuple(exact))


def _body(part: re.Match[str], *, last: bool) -> str:
    if part["uuid"]:
        return _UUID
    if part["alphabet"] not in ALPHABETS:
        raise ValueError(f"unknown alphabet {part['alphabet']!r}")
    characters = f"[{ALPHABETS[part['alphabet']]}]"
    if part["open"] is None:
        return f"{characters}{{{part['least']}}}" + (rf"(?!{characters}|\.[A-Za-z])" if last else "")
    greed = "+" if last else ""  # nothing follows, so no match can be found by going back
    return f"{characters}{{{part['least']},{part['most'] or ''}}}{greed}"

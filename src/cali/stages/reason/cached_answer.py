"""What is remembered of a model's answer, and how it is turned to another incident of the same template.

NumberedLine ids mean something only in the request they were made for, so the texts of the cited lines are kept. An incident of the
same template in another place has the same lines with other values: each cited line is found again by its shape, and where
the cause speaks of a value, the value of this incident is put in its place.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.stages.reason.question import Excerpt, SentLine

VALUE = re.compile(r"[^\s'\"(),;=<>\[\]{}]+")
SHAPE = re.compile(r"[\w.-]*\d[\w.:-]*")


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What a model said about a template. `refused` says why it is no answer, and `day` when that was: another day it is
    asked again."""

    understood: bool = False
    cause: str = ""
    fix: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()
    forged: tuple[str, ...] = ()
    category: str = ""
    could_be_known: bool = False
    refused: str = ""
    day: str = ""


def dumped(said: ParsedAnswer) -> str:
    return orjson.dumps(asdict(said)).decode()


def loaded(text: str) -> ParsedAnswer | None:
    """What was kept; None when it is damaged or of another form."""
    try:
        kept: Any = orjson.loads(text)
        said = ParsedAnswer(
            understood=bool(kept["understood"]),
            cause=str(kept["cause"]),
            fix=tuple(map(str, kept["fix"])),
            cited=tuple(map(str, kept["cited"])),
            forged=tuple(map(str, kept["forged"])),
            category=str(kept["category"]),
            could_be_known=bool(kept["could_be_known"]),
            refused=str(kept["refused"]),
            day=str(kept["day"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
    return said


def found_again(said: ParsedAnswer, excerpt: Excerpt) -> tuple[ParsedAnswer, tuple[SentLine, ...]]:
    """The answer in the words of this excerpt, and the lines of it that the answer cites. Lines that are not there are
    left out: what they leave unproven, the gate refuses."""
    lines: list[SentLine] = []
    values: dict[str, str | None] = {}
    for cited in said.cited:
        line = _same(cited, excerpt.sent)
        if line is None:
            continue
        lines.append(line)
        for old, new in _changed(cited, line.text):
            values[old] = (
                new if values.get(old, new) == new else None
            )  # two values for one: nobody knows which
    changed = {old: new for old, new in values.items() if new is not None}
    if changed:
        said = replace(
            said, cause=_put(said.cause, changed), fix=tuple(_put(step, changed) for step in said.fix)
        )
    return said, tuple(dict.fromkeys(lines))


def _same(cited: str, sent: Sequence[SentLine]) -> SentLine | None:
    exact = next((line for line in sent if line.text == cited), None)
    if exact:
        return exact
    shape = SHAPE.sub("0", cited)
    alike = next((line for line in sent if SHAPE.sub("0", line.text) == shape), None)
    if alike:
        return alike
    words = VALUE.findall(cited)
    best = max(sent, key=lambda line: _alike(words, line.text), default=None)
    return best if best and _alike(words, best.text) >= 0.6 else None


def _alike(words: Sequence[str], text: str) -> float:
    """The share of words that stand at the same place; nothing when the texts are not built alike."""
    others = VALUE.findall(text)
    if len(words) != len(others) or not words:
        return 0.0
    same = sum(1 for one, other in zip(words, others, strict=True) if one == other)
    return same / len(words)


def _changed(old: str, new: str) -> list[tuple[str, str]]:
    before, after = VALUE.findall(old), VALUE.findall(new)
    if len(before) != len(after):
        return []
    pairs = zip(before, after, strict=True)
    return [(a.strip(".:"), b.strip(".:")) for a, b in pairs if a != b and len(a.strip(".:")) > 1]


def _put(text: str, values: dict[str, str]) -> str:
    def other(match: re.Match[str]) -> str:
        word = match[0]
        plain = word.strip(".:`")
        return word.replace(plain, values[plain]) if plain in values else word

    return VALUE.sub(other, text)

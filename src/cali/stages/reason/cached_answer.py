"""The cached form of a model's answer, and its adaptation to another incident of the same template.

Line ids are valid only within one request, so the texts of the cited lines are cached. Another incident of the same
template has the same lines with other values. Each cited line is matched by its shape, and values in the cause are
replaced by those of the current incident.
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
    """A model's answer for a template.

    `refused` is the reason of an invalid answer, `day` its date. On another day the model is called again.
    """

    understood: bool = False
    cause: str = ""
    fix: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()
    forged: tuple[str, ...] = ()
    category: str = ""
    could_be_known: bool = False
    refused: str = ""
    day: str = ""


def dumped(answer: ParsedAnswer) -> str:
    return orjson.dumps(asdict(answer)).decode()


def loaded(text: str) -> ParsedAnswer | None:
    """Parse a cached answer. Return None if it is damaged or has another format."""
    try:
        stored: Any = orjson.loads(text)
        answer = ParsedAnswer(
            understood=bool(stored["understood"]),
            cause=str(stored["cause"]),
            fix=tuple(map(str, stored["fix"])),
            cited=tuple(map(str, stored["cited"])),
            forged=tuple(map(str, stored["forged"])),
            category=str(stored["category"]),
            could_be_known=bool(stored["could_be_known"]),
            refused=str(stored["refused"]),
            day=str(stored["day"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
    return answer


def found_again(answer: ParsedAnswer, excerpt: Excerpt) -> tuple[ParsedAnswer, tuple[SentLine, ...]]:
    """Return the answer with the values of this excerpt, and the cited lines of the excerpt.

    Missing lines are left out. The gate rejects a cause that is no longer proven.
    """
    lines: list[SentLine] = []
    values: dict[str, str | None] = {}
    for cited in answer.cited:
        line = _same(cited, excerpt.sent)
        if line is None:
            continue
        lines.append(line)
        for old, new in _changed(cited, line.text):
            values[old] = (
                new if values.get(old, new) == new else None
            )  # two new values for one old value are ambiguous
    changed = {old: new for old, new in values.items() if new is not None}
    if changed:
        answer = replace(
            answer, cause=_put(answer.cause, changed), fix=tuple(_put(step, changed) for step in answer.fix)
        )
    return answer, tuple(dict.fromkeys(lines))


def _same(cited: str, sent: Sequence[SentLine]) -> SentLine | None:
    exact = next((line for line in sent if line.text == cited), None)
    if exact:
        return exact
    shape = SHAPE.sub("0", cited)
    same_shape = next((line for line in sent if SHAPE.sub("0", line.text) == shape), None)
    if same_shape:
        return same_shape
    words = VALUE.findall(cited)
    best = max(sent, key=lambda line: _alike(words, line.text), default=None)
    return best if best and _alike(words, best.text) >= 0.6 else None


def _alike(words: Sequence[str], text: str) -> float:
    """Return the share of words at the same position, or 0 if the numbers of words differ."""
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

"""Builds the question to a model: which lines, between which marks, in which words. Pure.

own lines, lines around --choose--> Excerpt --ask--> Request
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from cali.core.errors import Misconfigured
from cali.core.ports import Request
from cali.stages.reason.numbered_lines import window
from cali.stages.reason.prompt_injection import MARK, honest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cali.core.models import Incident, KnowledgeEntry
    from cali.stages.reason.numbered_lines import NumberedLine

LATEST = "explain-2026-11-20"
LANGUAGES = {"en": "English", "ko": "Korean"}
CHARACTERS = 400  # of a line that are sent
NEAREST = 3  # knowledge entries told as context
_SECTION = re.compile(r"^## (System|User)\n(.*?)(?=^## |\Z)", re.M | re.S)
_SLOT = re.compile(r"\{\{(\w+)\}\}")


class SentLine(NamedTuple):
    """A line as the model sees it. `text` is a true part of the line; `whole` is the line."""

    id: str
    text: str
    whole: NumberedLine


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The lines that go to the model, and how many did not fit."""

    sent: tuple[SentLine, ...]
    dropped: int

    def by_id(self) -> dict[str, SentLine]:
        return {line.id: line for line in self.sent}


class Prompt(NamedTuple):
    """One dated prompt in one language. `version` names both."""

    version: str
    system: str
    user: str
    language: str


@cache
def prompt(name: str = LATEST, language: str = "en") -> Prompt:
    """The prompt of that name; an unknown name or language is Misconfigured."""
    if language not in LANGUAGES:
        raise Misconfigured(f"language {language!r}: there is {', '.join(sorted(LANGUAGES))}")
    source = files("cali") / "data" / "prompts" / f"{name}.md"
    if not source.is_file():
        raise Misconfigured(f"prompt {name!r}: no such file in cali/data/prompts")
    sections = dict(_SECTION.findall(source.read_text("utf-8")))
    if sections.keys() != {"System", "User"}:
        raise Misconfigured(f"prompt {name!r}: needs the sections System and User")
    version = name if language == "en" else f"{name}+{language}"
    return Prompt(version, sections["System"].strip(), sections["User"].strip(), LANGUAGES[language])


def choose(own: Sequence[NumberedLine], around: Sequence[NumberedLine], tokens: int) -> Excerpt:
    """The most telling lines that fit a number of tokens, in the order of the log. The incident's first line is always
    among them. Text that speaks to its reader is withheld, and a line that holds nothing else is not sent."""
    lines = [(line, _shown(line)) for line in (*own, *around)]
    lines = [(line, text) for line, text in lines if text != MARK]
    lifted = _lifted([line for line, _ in lines])
    order = sorted(range(len(lines)), key=lambda i: (-lifted[i], i))
    kept: list[int] = []
    left = tokens
    for i in order:
        cost = tokens_of(lines[i][1]) + 3
        if cost <= left or not kept:
            kept.append(i)
            left -= cost
    kept.sort(key=lambda i: (lines[i][0].number, i))
    sent = tuple(SentLine(f"L{n}", lines[i][1], lines[i][0]) for n, i in enumerate(kept, 1))
    return Excerpt(sent, len(lines) - len(kept))


def ask(
    words: Prompt,
    excerpt: Excerpt,
    incident: Incident,
    nearest: Sequence[KnowledgeEntry],
    schema: Mapping[str, object],
    max_tokens: int,
) -> Request:
    """The request. The marks around the lines follow from the lines, so no line can hold them."""
    lines = "\n".join(f"{sent.id}{'*' if sent.whole.own else ''}| {sent.text}" for sent in excerpt.sent)
    slots = {
        "fence": fence(lines),
        "language": words.language,
        "severity": incident.severity.label,
        "count": "once" if incident.count == 1 else f"{incident.count} times",
        "nearest": _nearest(nearest[:NEAREST]),
        "lines": lines,
        "dropped": f"{excerpt.dropped} further lines are left out." if excerpt.dropped else "",
    }
    return Request(_filled(words.system, slots), _filled(words.user, slots), schema, max_tokens)


def fence(content: str) -> str:
    """A word that the content does not hold and cannot foresee: it is a hash of it."""
    salt = 0
    while True:
        word = blake2b(content.encode("utf-8", "replace"), digest_size=6, salt=str(salt).encode()).hexdigest()
        word = word.translate(
            str.maketrans("0123456789", "ghijklmnop")
        )  # letters only: no secret looks like it
        if word not in content:
            return word
        salt += 1


def tokens_of(text: str) -> int:
    """About how many tokens a text is: a little more than it proves to be, in English, in code and in Korean."""
    return len(text.encode("utf-8", "replace")) * 2 // 7 + 1


def _filled(template: str, slots: Mapping[str, str]) -> str:
    """One pass, so that what fills a slot is not read for slots."""
    return _SLOT.sub(lambda match: slots[match[1]], template)


def _shown(line: NumberedLine) -> str:
    return window(honest(line.text), size=CHARACTERS)


def _lifted(lines: Sequence[NumberedLine]) -> list[float]:
    """What each line is worth, a little more beside a line that tells much."""
    worth = [line.worth for line in lines]
    lifted = list(worth)
    for i in range(len(lines)):
        beside = max(worth[i - 1] if i else 0.0, worth[i + 1] if i + 1 < len(worth) else 0.0)
        if beside >= 4:
            lifted[i] += 0.5
    return lifted


def _nearest(entries: Sequence[KnowledgeEntry]) -> str:
    if not entries:
        return "No known error is near."
    told = "\n".join(f"- {entry.title}: {entry.cause}" for entry in entries)
    return f"Known errors with similar words; probably none of them is this one:\n{told}"

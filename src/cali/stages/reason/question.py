"""The request to a model: selected lines, fenced, in a dated prompt. Pure.

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
CHARACTERS = 400  # maximum characters of a line that are sent
NEAREST = 3  # maximum knowledge entries sent as context
_SECTION = re.compile(r"^## (System|User)\n(.*?)(?=^## |\Z)", re.M | re.S)
_SLOT = re.compile(r"\{\{(\w+)\}\}")


class SentLine(NamedTuple):
    """A line as sent to the model. `text` is an unchanged part of the line `whole`."""

    id: str
    text: str
    whole: NumberedLine


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The lines that are sent to the model, and the number of lines that did not fit."""

    sent: tuple[SentLine, ...]
    dropped: int

    def by_id(self) -> dict[str, SentLine]:
        return {line.id: line for line in self.sent}


class Prompt(NamedTuple):
    """A dated prompt in one language. `version` identifies both."""

    version: str
    system: str
    user: str
    language: str


@cache
def prompt(name: str = LATEST, language: str = "en") -> Prompt:
    """Return the prompt of a name. Raise Misconfigured for an unknown name or language."""
    if language not in LANGUAGES:
        raise Misconfigured(f"language {language!r} is not supported; use {', '.join(sorted(LANGUAGES))}")
    source = files("cali") / "data" / "prompts" / f"{name}.md"
    if not source.is_file():
        raise Misconfigured(f"prompt {name!r}: no such file in cali/data/prompts")
    sections = dict(_SECTION.findall(source.read_text("utf-8")))
    if sections.keys() != {"System", "User"}:
        raise Misconfigured(f"prompt {name!r}: needs the sections System and User")
    version = name if language == "en" else f"{name}+{language}"
    return Prompt(version, sections["System"].strip(), sections["User"].strip(), LANGUAGES[language])


def choose(own: Sequence[NumberedLine], around: Sequence[NumberedLine], tokens: int) -> Excerpt:
    """Return the most informative lines that fit into a number of tokens, in log order.

    The incident's first line is always included. Injected text is withheld. A line with no other text is not sent.
    """
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
    """Return the request. The fence is a hash of the lines, so no line can contain it."""
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
    """Return a fence word that the content does not contain and cannot predict: a hash of the content."""
    salt = 0
    while True:
        word = blake2b(content.encode("utf-8", "replace"), digest_size=6, salt=str(salt).encode()).hexdigest()
        word = word.translate(
            str.maketrans("0123456789", "ghijklmnop")
        )  # letters only, so that redaction does not match it
        if word not in content:
            return word
        salt += 1


def tokens_of(text: str) -> int:
    """Estimate the number of tokens of a text. The estimate is slightly high for English, code and Korean."""
    return len(text.encode("utf-8", "replace")) * 2 // 7 + 1


def _filled(template: str, slots: Mapping[str, str]) -> str:
    """Fill the slots in one pass, so that inserted text is not searched for slots."""
    return _SLOT.sub(lambda match: slots[match[1]], template)


def _shown(line: NumberedLine) -> str:
    return window(honest(line.text), size=CHARACTERS)


def _lifted(lines: Sequence[NumberedLine]) -> list[float]:
    """Return the value of each line, raised slightly next to a very informative line."""
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
    causes = "\n".join(f"- {entry.title}: {entry.cause}" for entry in entries)
    return f"Known errors with similar words; probably none of them is this one:\n{causes}"

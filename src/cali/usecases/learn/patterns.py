"""The signature that a template implies: its constant parts, all of which must be in an event. Pure.

A constant part becomes a pattern of its words with any white space between them. One that does not hold in every example of
its template is left out: what a template shows as one line may be several in the event.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PLACE = re.compile(r"<[a-z*][a-z0-9*_-]*>")
EDGE = "\"'`()[]{}<>,;:=|/\\.!?*+-_#@&%$~^"
LEVEL = re.compile(r"(?i:trace|debug|info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe)")
TELLING_WORD = re.compile(r"[^\W\d_]{4,}")
COMMON = frozenset(
    """
    error errors failed fails failure failing exception cause caused because with from that this while when
    after before could cannot would should have been were will into request requests response service server
    process message line lines value null none true false unable invalid unknown unexpected call called
    """.split()  # noqa: SIM905 - a list would take thirty lines
)
PARTS = 5  # of one signature, the longest
LEAST_WORDS = 3  # telling words in all its parts together
LEAST_LETTERS = 16


def signature(template: str, texts: Sequence[str]) -> tuple[str, ...]:
    """The patterns of one template; none when what is constant in it says too little to know an error by."""
    held = [part for part in _parts(template) if all(_found(part, text) for text in texts)]
    longest = sorted(held, key=lambda part: (-_letters(part), held.index(part)))[:PARTS]
    kept = [part for part in held if part in longest]
    return tuple(_pattern(part) for part in kept) if is_telling(kept) else ()


def is_telling(parts: Iterable[str]) -> bool:
    """Whether the parts tell one error from another: enough letters, and enough words that not every error has."""
    listed = list(parts)
    words = {word.lower() for part in listed for word in TELLING_WORD.findall(part)} - COMMON
    return len(words) >= LEAST_WORDS and sum(map(_letters, listed)) >= LEAST_LETTERS


def _parts(template: str) -> list[str]:
    """The runs of words between parameters that say something."""
    parts: list[str] = []
    for run in re.split(rf"(?:\S*{PLACE.pattern}\S*)|\n", template):
        words = run.split()
        while words and (LEVEL.fullmatch(words[0].strip(EDGE)) or not words[0].strip(EDGE)):
            words = words[1:]
        while words and not words[-1].strip(EDGE):
            words = words[:-1]
        text = " ".join(words)
        if any(word.lower() not in COMMON for word in TELLING_WORD.findall(text)) and text not in parts:
            parts.append(text)
    return parts


def _pattern(part: str) -> str:
    words = [re.escape(word) for word in part.split()]
    first, last = part[:1], part[-1:]
    begin = r"\b" if first.isalnum() else ""
    end = r"\b" if last.isalnum() else ""
    return begin + r"\s+".join(words) + end


def _found(part: str, text: str) -> bool:
    return re.search(_pattern(part), text, re.IGNORECASE | re.MULTILINE) is not None


def _letters(part: str) -> int:
    return sum(map(str.isalpha, part))

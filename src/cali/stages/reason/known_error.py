"""The answer that needs no model: a knowledge entry, and the lines that prove it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from cali.core.models import Evidence
from cali.stages.reason.numbered_lines import QUOTED, NumberedLine, quoted, window
from cali.stages.retrieve.ranking import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cali.core.models import KnowledgeEntry

ALIKE = 2  # words that a line shares with an example before it may speak for an entry that was only near


def proof(entry: KnowledgeEntry, lines: Sequence[NumberedLine]) -> tuple[Evidence, ...]:
    """The lines in which the entry's signature holds, the most specific alternative that does; empty when none does."""
    text = "\n".join(line.text for line in lines)
    best: list[tuple[int, int]] = []
    most = 0
    for patterns in entry.match:
        spans = list(_spans(patterns, text))
        weight = sum(end - start for start, end in spans)
        if len(spans) == len(patterns) and weight > most:
            best, most = spans, weight
    return _cited(best, lines) if best else ()


def likeness(entry: KnowledgeEntry, lines: Sequence[NumberedLine]) -> tuple[Evidence, ...]:
    """The lines that share words with the entry's examples, for an entry that no signature proves but that is near."""
    examples = [words(symptom) for symptom in entry.symptoms]
    scored = [
        (max(len(words(line.text) & example) for example in examples), line) for line in lines if line.own
    ]
    best = sorted((item for item in scored if item[0] >= ALIKE), key=lambda item: -item[0])[:QUOTED]
    return quoted(sorted((line for _, line in best), key=lambda line: line.number))


def _spans(patterns: Sequence[str], text: str) -> Iterator[tuple[int, int]]:
    for pattern in patterns:
        match = _compiled(pattern).search(text)
        if match is None:
            return
        yield match.span()


def _cited(spans: Sequence[tuple[int, int]], lines: Sequence[NumberedLine]) -> tuple[Evidence, ...]:
    """The lines at both ends of each span: what lies between them only joins them."""
    starts: list[int] = []
    at = 0
    for line in lines:
        starts.append(at)
        at += len(line.text) + 1
    found: dict[int, int] = {}  # line -> where in it
    for start, end in spans:
        for place in (start, max(start, end - 1)):
            index = _line_at(starts, place)
            found.setdefault(index, place - starts[index])
    return tuple(
        Evidence(lines[index].number, window(lines[index].text, at))
        for index, at in sorted(found.items())[:QUOTED]
    )


def _line_at(starts: Sequence[int], place: int) -> int:
    return max(index for index, start in enumerate(starts) if start <= place)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)

"""Answers from the knowledge base, without a model: the lines that prove an entry, and the confidence.

Confidence is computed from facts that code has verified. It never comes from a model or a log:

| origin | computed from | range |
|---|---|---|
| knowledge, signature matches | specificity of the signature, lead over the next entry, more than one event | 0.70 to 0.97 |
| knowledge, only near | similarity and lead | 0.40 to 0.60 |
| knowledge, stack trace | a known exception with a frame of the application, more than one event | 0.70 to 0.72 |
| model | share of the cause in its evidence, agreement with a near entry, more than one event | 0.25 to 0.60 |
| none | nothing | 0 |

The numbers are comparable: an answer of the model is never above one that a signature proves.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING

from cali.core.models import Evidence
from cali.stages.reason.numbered_lines import QUOTED, NumberedLine, quoted, window
from cali.stages.retrieve.ranking import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import Incident, KnowledgeEntry
    from cali.stages.retrieve import Retrieved

SHARED = 2  # minimum words that a line shares with an example to support an entry that is only near
WEAKEST = 0.5  # score of the weakest matching signature (retrieve.Calibration)
CLEAR = 0.15  # lead over the next entry that gives full confidence
TRACE = 0.72  # confidence in what a stack trace proves
ONCE = 0.02  # subtracted from the confidence if the error occurred only once


def proof(entry: KnowledgeEntry, lines: Sequence[NumberedLine]) -> tuple[Evidence, ...]:
    """Return the lines that match the most specific alternative of the entry's signature, or nothing."""
    starts: list[int] = []
    text = ""
    for line in lines:
        starts.append(len(text))
        text += f"{line.text}\n"
    text = text[:-1]
    best: list[tuple[int, int]] = []
    most = 0
    for patterns in entry.match:
        spans: list[tuple[int, int]] = []
        weight = 0
        for pattern in patterns:
            match = _compiled(pattern).search(text)
            if match is None:
                break
            spans.append(match.span())
            weight += match.end() - match.start()
        if len(spans) == len(patterns) and weight > most:
            best, most = spans, weight
    # Both ends of a match are cited. The text between them is only a gap.
    cited: dict[int, int] = {}  # line -> place in the line
    for start, end in best:
        for place in (start, max(start, end - 1)):
            index = bisect_right(starts, place) - 1
            cited.setdefault(index, place - starts[index])
    evidence: list[Evidence] = []
    for index in sorted(cited)[:QUOTED]:
        line = lines[index]
        evidence.append(Evidence(line.number, window(line.text, cited[index])))
    return tuple(evidence)


def likeness(entry: KnowledgeEntry, lines: Sequence[NumberedLine]) -> tuple[Evidence, ...]:
    """Return the lines that share words with the entry's examples, for an entry that is only near."""
    examples = [words(symptom) for symptom in entry.symptoms]
    scored = [
        (max(len(words(line.text) & example) for example in examples), line) for line in lines if line.own
    ]
    best = sorted((item for item in scored if item[0] >= SHARED), key=lambda item: -item[0])[:QUOTED]
    return quoted(sorted((line for _, line in best), key=lambda line: line.number))


def knowledge_confidence(found: Retrieved, incident: Incident) -> float:
    """Return the confidence in an answer from the first hit of `found`."""
    score = found.hits[0].score
    lead = min(1.0, found.margin / CLEAR)
    once = ONCE if incident.count < 2 else 0.0
    if found.verified:
        specific = max(0.0, (score - WEAKEST) / (1 - WEAKEST))
        return round(min(0.97, max(0.70, 0.74 + 0.18 * specific + 0.05 * lead - once)), 2)
    return round(min(0.60, max(0.40, 0.30 + 0.20 * score + 0.10 * lead - once)), 2)


def trace_confidence(incident: Incident) -> float:
    """Return the confidence in the answer of a stack trace."""
    return round(TRACE - (ONCE if incident.count < 2 else 0.0), 2)


def model_confidence(supported: float, agrees: bool, incident: Incident) -> float:
    """Return the confidence in a model's answer.

    `supported` is the share of the cause's words that are in its evidence. `agrees` is true if a near knowledge entry
    describes the same cause.
    """
    once = ONCE if incident.count < 2 else 0.0
    return round(min(0.60, max(0.25, 0.30 + 0.20 * supported + 0.08 * agrees - once)), 2)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)

"""Answer from the knowledge, without a model: the lines that prove an entry, and how sure CALI is.

Confidence is computed here from facts that code has verified, never taken from a model or a log:

| origin | from | between |
|---|---|---|
| knowledge, its signature holds | how specific the signature is, its lead over the next entry, seen more than once | 0.70 and 0.97 |
| knowledge, only near | nearness and lead | 0.40 and 0.60 |
| model | how much of the cause stands in its evidence, whether a near entry speaks of the same, seen more than once | 0.25 and 0.60 |
| none | nothing | 0 |

So a person can read the number as an order: an answer of the model is never above one that a signature proves.
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

SHARED = 2  # words that a line shares with an example before it may speak for an entry that was only near
WEAKEST = 0.5  # the score of the weakest signature that holds (retrieve.Calibration)
CLEAR = 0.15  # a lead over the next entry that leaves no doubt
ONCE = 0.02  # subtracted for an error that came once


def proof(entry: KnowledgeEntry, lines: Sequence[NumberedLine]) -> tuple[Evidence, ...]:
    """Return the lines in which the entry's signature holds, by its most specific alternative; empty when none holds."""
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
    # Both ends of a span are cited: what lies between them only joins them.
    cited: dict[int, int] = {}  # line -> where in it
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
    """Return the lines that share words with the entry's examples, for an entry that is near but not proven."""
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


def model_confidence(supported: float, agrees: bool, incident: Incident) -> float:
    """Return the confidence in an answer of the model. `supported` is the share of the cause's words that its evidence
    holds; `agrees` means that a near knowledge entry speaks of the same."""
    once = ONCE if incident.count < 2 else 0.0
    return round(min(0.60, max(0.25, 0.30 + 0.20 * supported + 0.08 * agrees - once)), 2)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)

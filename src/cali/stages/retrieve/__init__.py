"""retrieve: which known error an event is, if any.

    text -> signatures that hold --decide--> Retrieved(hits, known, margin)
              none? -> index search -^

1. A signature holds: the event contains what the entry says it must contain. The one ranked first (`ranking.py`) is the
   answer, and may be asserted. No search is needed, so a log of known errors costs neither the embedder nor Milvus.
2. No signature holds: the event is unknown. The index gives the nearest entries, which are shown and go to the model as
   context. However near they are, they are never asserted: no threshold was found at which nearness alone was right
   often enough (docs/adr/0005-retrieval.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

from cali.core.models import Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.ports import KnowledgeIndex
    from cali.stages.retrieve.signatures import Match, Signatures

LIMIT = 5  # hits shown


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the weight of a signature becomes a score."""

    verified: float = 0.5  # the score of the weakest signature that holds
    half: float = 16.0  # literal characters that halve the rest of the way to 1
    step: float = 0.8  # what a signature scores at most of the one ranked before it


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What retrieval found. `hits` are best first; when `known`, the first may be asserted. `margin` is how far it is
    ahead of the second. `verified` names the entries whose signature holds, best first."""

    hits: tuple[Hit, ...]
    known: bool
    margin: float
    verified: tuple[str, ...] = ()


UNKNOWN = Retrieved((), known=False, margin=0.0)
CALIBRATED = Calibration()


def retrieve(
    text: str,
    signatures: Signatures,
    index: KnowledgeIndex | None = None,
    limit: int = LIMIT,
    calibration: Calibration = CALIBRATED,
) -> Retrieved:
    """What is known about an event's redacted text. Asks `index` only when no signature holds; without one, what has
    no signature stays unknown and has no hits."""
    matches = signatures.matches(text)
    if matches or index is None:
        return decide(matches, (), limit, calibration)
    return decide((), index.search(text, limit), limit, calibration)


def decide(
    matches: Sequence[Match],
    near: Sequence[Hit],
    limit: int = LIMIT,
    calibration: Calibration = CALIBRATED,
) -> Retrieved:
    """The open-set decision, from the signatures that hold and the entries that are near, each best first."""
    if matches:
        hits = _verified(matches, calibration)
        return Retrieved(
            hits[:limit], known=True, margin=_margin(hits), verified=tuple(match.id for match in matches)
        )
    if not near:
        return UNKNOWN
    return Retrieved(tuple(near[:limit]), known=False, margin=_margin(near))


def _verified(matches: Sequence[Match], calibration: Calibration) -> tuple[Hit, ...]:
    hits: list[Hit] = []
    for match in matches:
        most = hits[-1].score * calibration.step if hits else 1.0
        hits.append(Hit(match.id, round(min(most, _sureness(match.weight, calibration)), 4)))
    return tuple(hits)


def _sureness(weight: int, calibration: Calibration) -> float:
    rest = 1.0 - calibration.verified
    return round(1.0 - rest * exp(-weight * 0.6931 / calibration.half), 4)


def _margin(hits: Sequence[Hit]) -> float:
    return round(hits[0].score - (hits[1].score if len(hits) > 1 else 0.0), 4)

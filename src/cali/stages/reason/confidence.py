"""How sure CALI is: worked out here from what code has verified, never taken from a model or a log.

| origin | from | between |
|---|---|---|
| knowledge, its signature holds | how specific the signature is, how far ahead of the next entry, seen more than once | 0.70 and 0.97 |
| knowledge, only near | nearness and lead | 0.40 and 0.60 |
| model | how much of the cause stands in its evidence, whether a near entry speaks of the same, seen more than once | 0.25 and 0.60 |
| none | nothing | 0 |

So a person can read the number as an order: what the model says is never above what a signature proves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cali.core.models import Incident
    from cali.stages.retrieve import Retrieved

WEAKEST = 0.5  # the score of the weakest signature that holds (retrieve.Calibration)
CLEAR = 0.15  # a lead over the next entry that leaves no doubt
ONCE = 0.02  # what is not known of an error that came once


def of_knowledge(found: Retrieved, incident: Incident) -> float:
    """For an answer from the first hit of `found`."""
    score = found.hits[0].score
    lead = min(1.0, found.margin / CLEAR)
    if found.verified:
        specific = max(0.0, (score - WEAKEST) / (1 - WEAKEST))
        return _rounded(0.74 + 0.18 * specific + 0.05 * lead - _once(incident), 0.70, 0.97)
    return _rounded(0.30 + 0.20 * score + 0.10 * lead - _once(incident), 0.40, 0.60)


def of_model(supported: float, agrees: bool, incident: Incident) -> float:
    """For an answer of the model. `supported` is the share of the cause's words that its evidence holds; `agrees`, that a
    near knowledge entry speaks of the same."""
    return _rounded(0.30 + 0.20 * supported + 0.08 * agrees - _once(incident), 0.25, 0.60)


def _once(incident: Incident) -> float:
    return ONCE if incident.count < 2 else 0.0


def _rounded(value: float, least: float, most: float) -> float:
    return round(min(most, max(least, value)), 2)

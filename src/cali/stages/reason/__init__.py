"""reason: what caused an incident, with the lines that prove it, or nothing.

    Incident --retrieve--> sure? --> knowledge answer    known.py
                             no? --> model answer        question.py -> asking.py -> explanation.py -> gate.py
                             neither? --> none, the event's own lines, and why

What a line says is data at every step: text that speaks to its reader is withheld (suspects.py), the rest is fenced
(question.py), an answer is believed as far as its lines bear it out (gate.py), and how sure CALI is comes from code
(confidence.py). A template costs one call (asking.py), and the run goes on whatever the model does (limits.py).
The reasons are in docs/adr/0006-evidence-or-silence.md.
"""

from cali.stages.reason.ask_model import ModelGateway, Runtime
from cali.stages.reason.limits import Breaker, BreakerSettings, Retries
from cali.stages.reason.reasoner import Reasoner, ReasonSettings
from cali.stages.reason.spend import Spend, prices

__all__ = [
    "Breaker",
    "BreakerSettings",
    "ModelGateway",
    "ReasonSettings",
    "Reasoner",
    "Retries",
    "Runtime",
    "Spend",
    "prices",
]

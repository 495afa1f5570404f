"""reason: what caused an incident, with the lines that prove it, or nothing.

    Incident --retrieve--> sure? --> knowledge answer    known_error.py
                             no? --> model answer        question.py -> ask_model.py -> model_answer.py -> answer_gate.py
                             neither? --> none, the event's own lines, and why

The text of a line is data at every step: text that speaks to its reader is withheld (prompt_injection.py), the rest is
fenced (question.py), an answer passes only as far as its lines prove it (answer_gate.py), and code computes the confidence
(known_error.py). A template costs one call (ask_model.py), and the run goes on whatever the model does (limits.py).
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

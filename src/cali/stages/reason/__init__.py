"""The reason stage: finds the cause of an incident together with the lines that prove it, or no cause.

    Incident --retrieve--> known?   --> knowledge answer    known_error.py
                           a trace? --> trace answer        stack_trace.py -> trace_answer.py
                         unknown? --> model answer        question.py -> ask_model.py -> model_answer.py -> answer_gate.py
                           neither? --> no cause, the event's own lines, and the reason

Log lines are data at every step. Prompt injections are withheld (prompt_injection.py), and the other lines are fenced
(question.py). An answer passes only if its lines prove it (answer_gate.py). Code computes the confidence
(known_error.py). Each template costs one call (ask_model.py), and a failing model does not stop the run (limits.py).
docs/adr/0006-evidence-or-silence.md gives the reasons.
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

"""Test doubles for tests of CALI and of what is built on it.

    FakeClock                      time that passes only when a test says so
    ScriptedModel, ModelServer     a model that answers from a script, in this process or by OpenAI's protocol
    Slack, SlackMessage            a workspace behind a port, with Slack's limits and errors
    RecordingSink                  a sink of any style that records its messages
    MemoryIncidents, MemoryAlerts, MemoryFeedback, MemoryClaims
                                   the stores of `adapters/memory`, which pass the same contract tests as all others

Nothing is patched: each of them is passed to the code under test as an argument.
"""

from cali.adapters.memory.alerts import MemoryAlerts, MemoryClaims, MemoryFeedback
from cali.adapters.memory.incidents import MemoryIncidents
from cali.testing.clock import FakeClock
from cali.testing.model_server import Fault, ModelServer, ScriptedModel, explanation
from cali.testing.sinks import RecordingSink
from cali.testing.slack import Slack, SlackMessage

__all__ = [
    "FakeClock",
    "Fault",
    "MemoryAlerts",
    "MemoryClaims",
    "MemoryFeedback",
    "MemoryIncidents",
    "ModelServer",
    "RecordingSink",
    "ScriptedModel",
    "Slack",
    "SlackMessage",
    "explanation",
]

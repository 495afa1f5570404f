"""Test doubles for tests of CALI and of code that uses it.

    FakeClock                      a clock that only the test advances
    ScriptedModel, ModelServer     a model with scripted answers, in this process or over OpenAI's protocol
    Slack, SlackMessage            a workspace on a local port, with Slack's limits and errors
    RecordingSink                  a sink of any style that records its messages
    MemoryIncidents, MemoryAlerts, MemoryFeedback, MemoryClaims
                                   the stores of `adapters/memory`, which pass the contract tests of all stores

Nothing is patched. Pass each double to the code under test as an argument.
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

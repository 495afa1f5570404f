"""The notify stage: turns incident changes into messages and handles the responses to them. See README.md."""

from cali.stages.notify.content import Fact, IncidentRef, Link, Message, Standing
from cali.stages.notify.decide import Digest, Edit, Effect, Follow, Post, Reply, Skip, decide
from cali.stages.notify.rules import Rules
from cali.stages.notify.rules_file import DEFAULT, parse
from cali.stages.notify.sink import LivingSink, MessageGone, Sink, Style
from cali.stages.notify.words import Words, words

__all__ = [
    "DEFAULT",
    "Digest",
    "Edit",
    "Effect",
    "Fact",
    "Follow",
    "IncidentRef",
    "Link",
    "LivingSink",
    "Message",
    "MessageGone",
    "Post",
    "Reply",
    "Rules",
    "Sink",
    "Skip",
    "Standing",
    "Style",
    "Words",
    "decide",
    "parse",
    "words",
]

"""notify: changes in the lives of incidents to messages, and the answers to them. See README.md beside this file."""

from cali.stages.notify.content import Fact, Link, Message, Named, Standing
from cali.stages.notify.decide import Action, Digest, Edit, Follow, Post, Reply, Skip, decide, hear
from cali.stages.notify.rules import Rules
from cali.stages.notify.rules_file import DEFAULT, parse
from cali.stages.notify.sink import Gone, LivingSink, Sink, Style
from cali.stages.notify.words import Words, words

__all__ = [
    "DEFAULT",
    "Action",
    "Digest",
    "Edit",
    "Fact",
    "Follow",
    "Gone",
    "Link",
    "LivingSink",
    "Message",
    "Named",
    "Post",
    "Reply",
    "Rules",
    "Sink",
    "Skip",
    "Standing",
    "Style",
    "Words",
    "decide",
    "hear",
    "parse",
    "words",
]

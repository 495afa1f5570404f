"""The ports of sinks, through which the notify stage sends messages."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from cali.core.errors import CaliError
from cali.stages.notify.content import Message


class Style(StrEnum):
    """The abilities of a place, which decide how often it receives messages.

    living    one message per incident, edited in place, with replies in a thread    Slack with a bot token
    letters   at most two messages per episode of an incident                        Slack webhook, e-mail
    signal    on and off: the place manages one alarm per incident                   PagerDuty
    events    every change once, for programs                                        signed webhook, console
    """

    LIVING = "living"
    LETTERS = "letters"
    SIGNAL = "signal"
    EVENTS = "events"


class MessageGone(CaliError):
    """The message was deleted by a person, or can no longer be changed."""


class Sink(Protocol):
    """A destination of messages.

    Its methods raise Retryable if a later call may succeed, Poison if this message is rejected for good, and Misconfigured
    if every message is rejected.
    """

    @property
    def style(self) -> Style: ...
    def post(self, message: Message, channel: str) -> str:
        """Post a message and return its id in the place."""


class LivingSink(Sink, Protocol):
    """A sink whose messages can be edited and replied to. Both raise MessageGone."""

    def edit(self, ref: str, message: Message) -> None: ...
    def reply(self, ref: str, key: str, text: str, *, broadcast: bool) -> None:
        """Reply in the thread of a message. With `broadcast`, also show the reply in the channel."""

    def find(self, key: str, channel: str, since: float, thread: str = "") -> str:
        """Return the id of a message or reply with this key, posted after `since`.

        Return an empty string if there is none or the sink cannot search. Use this after a post with an unknown result.
        """

"""What notify asks of the places where people, or programs, read."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from cali.core.errors import CaliError
from cali.stages.notify.content import Message


class Style(StrEnum):
    """What a place can do with a message, and so how often it gets one.

    living    one message per incident, changed in place, with replies below it      Slack with a bot token
    letters   at most two messages until the incident was resolved and came back     Slack webhook, e-mail
    signal    on, off: the place itself keeps one alarm per incident                 PagerDuty
    events    every change once: a program reads it                                  signed webhook, console
    """

    LIVING = "living"
    LETTERS = "letters"
    SIGNAL = "signal"
    EVENTS = "events"


class MessageGone(CaliError):
    """The message is not there any more, or nobody may change it: a person deleted it."""


class Sink(Protocol):
    """A place that takes messages. Raises Retryable when a later call may succeed, Poison when it will never take this
    message, Misconfigured when it takes none."""

    @property
    def style(self) -> Style: ...
    def post(self, message: Message, channel: str) -> str:
        """Shows a message and returns its name there."""


class LivingSink(Sink, Protocol):
    """A place whose messages can be changed and answered. Both raise MessageGone."""

    def edit(self, ref: str, message: Message) -> None: ...
    def reply(self, ref: str, key: str, text: str, *, broadcast: bool) -> None:
        """Says something below a message; with `broadcast` in the channel too."""

    def find(self, key: str, channel: str, since: float, thread: str = "") -> str:
        """The name of a message or reply of this key that was shown since then; empty when there is none or nobody
        can tell. For a post of which nobody knows how it ended."""

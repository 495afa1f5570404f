"""The console, or a function's log: every change as text. Delivery: at least once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cali.stages.notify.message_text import text
from cali.stages.notify.sink import Style

if TYPE_CHECKING:
    from cali.adapters.sinks.registry import SinkEnvironment
    from cali.stages.notify.content import Message

OPTIONS: set[str] = set()
preview = text
STYLE = Style.EVENTS


def sink(options: dict[str, str], environment: SinkEnvironment) -> Console:  # noqa: ARG001 - as all sinks are made
    """Return the sink. It has no options."""
    return Console()


class Console:
    """Sink that prints."""

    style = STYLE

    def post(self, message: Message, channel: str) -> str:  # noqa: ARG002 - there is one console
        print(f"-- {message.kind} --\n{text(message)}", flush=True)
        return ""

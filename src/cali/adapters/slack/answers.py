"""What Slack is told while somebody answers: the window that asks for a cause, and a word of thanks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cali.adapters.http.client import post
from cali.adapters.slack.blocks import modal
from cali.core.errors import CaliError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.adapters.slack.api import SlackApi
    from cali.stages.notify.words import Words

HOSTS = frozenset({"hooks.slack.com"})


def asking(api: SlackApi, say: Words) -> Callable[[str, str], None]:
    """Opens the window that asks for the cause of an incident: (trigger, incident)."""

    def ask(trigger: str, incident: str) -> None:
        api.call("views.open", {"trigger_id": trigger, "view": modal(incident, say)})

    return ask


def thanking(say: Words, hosts: frozenset[str] = HOSTS) -> Callable[[str, str], None]:
    """Says thank you to who pressed, and to nobody else: (reply_to, key of words). It never raises: what was answered is
    done, whether or not Slack shows this. Only Slack's own hosts are spoken to."""

    def thank(reply_to: str, key: str) -> None:
        parts = urlsplit(reply_to)
        if parts.hostname not in hosts:
            return
        content = {"response_type": "ephemeral", "replace_original": False, "text": say(key)}
        try:
            post(
                "Slack",
                reply_to,
                json.dumps(content).encode(),
                {"Content-Type": "application/json"},
                timeout=2.0,
            )
        except CaliError:
            return

    return thank

"""Slack with a bot token: one message per incident, changed in place, with replies in its thread and buttons.

The bot needs the scopes `chat:write` and, to tell whether a message arrived whose answer was lost, `channels:history`.
Delivery: once, as long as the bot may read the channel's history; otherwise at least once.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cali.adapters.http.client import post
from cali.adapters.slack.api import URL, SlackApi
from cali.adapters.slack.blocks import METADATA, escaped, modal, payload
from cali.core.errors import CaliError, Misconfigured, Retryable
from cali.stages.notify.plain_text import cut
from cali.stages.notify.sink import Style

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.adapters.sinks.registry import SinkEnvironment
    from cali.stages.notify.content import Message
    from cali.stages.notify.words import Words

HOSTS = frozenset({"hooks.slack.com"})  # hosts of Slack's response URLs
OPTIONS = {"secret", "url", "channel"}
STYLE = Style.LIVING
preview = payload


def sink(options: dict[str, str], environment: SinkEnvironment) -> SlackBot:
    """Options: `channel` when the rules name none, `secret` (the key of the token, `bot_token`)."""
    token = options.get("secret", "bot_token")
    api = SlackApi(
        lambda: environment.secret(token), environment.now, environment.sleep, options.get("url", URL)
    )
    return SlackBot(api, options.get("channel", ""))


class SlackBot:
    """A LivingSink. The name of a message is its channel and its time stamp."""

    style = STYLE

    def __init__(self, api: SlackApi, channel: str = "") -> None:
        self._api = api
        self._channel = channel

    @property
    def api(self) -> SlackApi:
        """Return the API of the same bot, such as for opening a window."""
        return self._api

    def post(self, message: Message, channel: str) -> str:
        answer = self._api.call(
            "chat.postMessage",
            {"channel": self._named(channel), **payload(message), "metadata": _metadata(message.key)},
        )
        if not answer.get("channel") or not answer.get("ts"):  # a proxy answered instead of Slack
            raise Retryable("Slack: chat.postMessage: the response has no message id")
        return f"{answer['channel']} {answer['ts']}"

    def edit(self, ref: str, message: Message) -> None:
        channel, ts = ref.split(" ")
        content = payload(message)
        content = {key: content[key] for key in ("text", "blocks", "parse", "link_names")}
        self._api.call("chat.update", {"channel": channel, "ts": ts, **content})

    def reply(self, ref: str, key: str, text: str, *, broadcast: bool) -> None:
        channel, ts = ref.split(" ")
        content: dict[str, Any] = {
            "channel": channel,
            "thread_ts": ts,
            "text": cut(escaped(text), 3_000),
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "metadata": _metadata(key),
        }
        if broadcast:
            content["reply_broadcast"] = True
        self._api.call("chat.postMessage", content)

    def find(self, key: str, channel: str, since: float, thread: str = "") -> str:
        content: dict[str, Any] = {"limit": 100, "include_all_metadata": "true"}
        if thread:
            place, ts = thread.split(" ")
            content |= {"channel": place, "ts": ts}
        else:
            content |= {"channel": self._named(channel), "oldest": f"{since - 60:.6f}"}
        method = "conversations.replies" if thread else "conversations.history"
        try:
            answer = self._api.call(method, content)
        except Misconfigured:
            return ""  # the bot may not read, or the channel's id is needed
        for one in answer.get("messages", []):
            metadata = one.get("metadata") or {}
            if metadata.get("event_type") == METADATA and metadata.get("event_payload", {}).get("key") == key:
                return f"{content['channel']} {one['ts']}"
        return ""

    def _named(self, channel: str) -> str:
        name = channel or self._channel
        if not name:
            raise Misconfigured("Slack: the rules name no channel")
        return name


def cause_form(api: SlackApi, say: Words) -> Callable[[str, str], None]:
    """Return a function that opens the window for the cause of an incident: (trigger, incident)."""

    def ask(trigger: str, incident: str) -> None:
        api.call("views.open", {"trigger_id": trigger, "view": modal(incident, say)})

    return ask


def thanks(say: Words, hosts: frozenset[str] = HOSTS) -> Callable[[str, str], None]:
    """Return a function that thanks the person who pressed a button: (reply_to, key of words). It calls only Slack's
    hosts. It raises nothing, because the request was already processed."""

    def thank(reply_to: str, key: str) -> None:
        if urlsplit(reply_to).hostname not in hosts:
            return
        content = {"response_type": "ephemeral", "replace_original": False, "text": say(key)}
        headers = {"Content-Type": "application/json"}
        with suppress(CaliError):
            post("Slack", reply_to, json.dumps(content).encode(), headers, timeout=2.0)

    return thank


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": METADATA, "event_payload": {"key": key}}

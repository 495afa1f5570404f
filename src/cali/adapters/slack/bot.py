"""Slack with a bot token: one message per incident, changed in place, with replies in its thread and buttons.

The bot needs the scopes `chat:write` and, to tell whether a message arrived whose answer was lost, `channels:history`.
Delivery: once, as long as the bot may read the channel's history; otherwise at least once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.adapters.slack.api import URL, SlackApi
from cali.adapters.slack.blocks import METADATA, escaped, payload
from cali.core.errors import Misconfigured, Retryable
from cali.stages.notify.plain_text import cut
from cali.stages.notify.sink import Style

if TYPE_CHECKING:
    from cali.adapters.sinks.registry import SinkEnvironment
    from cali.stages.notify.content import Message

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
    """A LivingSink. A message's name is its channel and its time stamp, for Slack moves neither."""

    style = STYLE

    def __init__(self, api: SlackApi, channel: str = "") -> None:
        self._api = api
        self._channel = channel

    @property
    def api(self) -> SlackApi:
        """By which the same bot does other things, such as to open a window."""
        return self._api

    def post(self, message: Message, channel: str) -> str:
        said = self._api.call(
            "chat.postMessage",
            {"channel": self._named(channel), **payload(message), "metadata": _metadata(message.key)},
        )
        if not said.get("channel") or not said.get("ts"):  # something between us and Slack has answered
            raise Retryable("Slack: chat.postMessage: it names no message")
        return f"{said['channel']} {said['ts']}"

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
            said = self._api.call(method, content)
        except Misconfigured:
            return ""  # it may not read, or wants the channel's id: nobody can tell
        for one in said.get("messages", []):
            metadata = one.get("metadata") or {}
            if metadata.get("event_type") == METADATA and metadata.get("event_payload", {}).get("key") == key:
                return f"{content['channel']} {one['ts']}"
        return ""

    def _named(self, channel: str) -> str:
        name = channel or self._channel
        if not name:
            raise Misconfigured("Slack: the rules name no channel")
        return name


def _metadata(key: str) -> dict[str, Any]:
    return {"event_type": METADATA, "event_payload": {"key": key}}

"""Slack as its clients see it: incoming webhooks and the part of the Web API that posts messages.

The limits and the words of refusals are those of Slack's documentation. What was accepted is kept in `messages`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.cloud.stand_in import Asked, Said, StandIn

TOKEN = "xoxb-local"
HOOK = "/services/T00000000/B00000000/local"
CHANNELS = {"C0LOCAL0001": "cali-alerts", "C0LOCAL0002": "cali-digest"}
HOOKED = "C0LOCAL0001"
PER_CHANNEL_SECONDS = 1.0
BURST = 3  # Slack allows short bursts above one message a second
MOST_BLOCKS, MOST_FIELDS, MOST_ATTACHMENTS = 50, 10, 100
LONGEST_TEXT, LONGEST_SECTION, LONGEST_HEADER = 40_000, 3_000, 150


@dataclass(slots=True)
class Message:
    """A message that Slack shows. `edits` counts its updates, `thread` is the message that it answers."""

    at: float
    channel: str
    ts: str
    content: Mapping[str, Any]
    thread: str = ""
    via: str = "webhook"
    edits: int = 0

    @property
    def text(self) -> str:
        """Everything a person reads in it, as one text."""
        return "\n".join(_texts({key: self.content.get(key) for key in ("text", "blocks", "attachments")}))


@dataclass(slots=True)
class Slack:
    """The stand-in's state and answers, without a server. `serve` puts it behind one."""

    now: Callable[[], float] = time.time
    pace: float = (
        PER_CHANNEL_SECONDS  # seconds between messages of a channel; tests have no time for the real one
    )
    messages: list[Message] = field(default_factory=list)
    refused: list[tuple[float, str]] = field(default_factory=list)
    on_message: Callable[[Message], None] = field(default=lambda _: None)
    _allowed: dict[str, float] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    def serve(self) -> StandIn:
        return StandIn(self.answer)

    def answer(self, asked: Asked) -> Said:
        """What Slack answers to a request."""
        path = asked.path.split("?", 1)[0]
        with self._lock:
            said = self._api(path[5:], asked) if path.startswith("/api/") else self._hook(path, asked)
            if said.status != 200 or said.body.startswith(b'{"ok": false'):
                self.refused.append((self.now(), said.body.decode()))
        return said

    def _hook(self, path: str, asked: Asked) -> Said:
        if path != HOOK:
            return _plain(404, "no_service")
        try:
            content = json.loads(asked.body)
            assert isinstance(content, dict)
        except (ValueError, AssertionError):
            return _plain(400, "invalid_payload")
        problem = problem_of(content)
        if problem:
            return _plain(400, problem)
        if self._too_fast(HOOKED):
            return Said(429, b"rate_limited", {"Retry-After": "1"}, "text/plain")
        self._keep(Message(self.now(), HOOKED, self._ts(), content, content.get("thread_ts", "")))
        return _plain(200, "ok")

    def _api(self, method: str, asked: Asked) -> Said:
        content = _content(asked)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ") or content.get("token", "")
        if token != TOKEN:
            return _no("invalid_auth" if token else "not_authed")
        match method:
            case "auth.test":
                return _yes(
                    url="https://local.slack.com/", team="local", user="cali", team_id="T0", bot_id="B0"
                )
            case "conversations.list":
                channels = [{"id": key, "name": name, "is_member": True} for key, name in CHANNELS.items()]
                return _yes(channels=channels, response_metadata={"next_cursor": ""})
            case "conversations.info" | "conversations.join":
                channel = _channel(content)
                return (
                    _yes(channel={"id": channel, "name": CHANNELS[channel]})
                    if channel
                    else _no("channel_not_found")
                )
            case "chat.postMessage":
                return self._post(content)
            case "chat.update":
                return self._update(content)
            case "chat.getPermalink":
                found = self._find(content, "message_ts")
                return (
                    _yes(permalink=f"https://local.slack.com/{found.ts}")
                    if found
                    else _no("message_not_found")
                )
            case _:
                return _no("unknown_method")

    def _post(self, content: Mapping[str, Any]) -> Said:
        channel = _channel(content)
        if channel is None:
            return _no("channel_not_found")
        problem = problem_of(content)
        if problem:
            return _no(problem)
        thread = str(content.get("thread_ts") or "")
        if thread and not any(message.ts == thread for message in self.messages):
            return _no("thread_not_found")
        if self._too_fast(channel):
            return Said(429, b'{"ok": false, "error": "ratelimited"}', {"Retry-After": "1"})
        message = Message(self.now(), channel, self._ts(), content, thread, "api")
        self._keep(message)
        return _yes(
            channel=channel, ts=message.ts, message={"ts": message.ts, "text": content.get("text", "")}
        )

    def _update(self, content: Mapping[str, Any]) -> Said:
        found = self._find(content, "ts")
        problem = problem_of(content)
        if found is None or problem:
            return _no(problem or "message_not_found")
        if found.via != "api":
            return _no("cant_update_message")
        found.content, found.edits = {**found.content, **content}, found.edits + 1
        return _yes(channel=found.channel, ts=found.ts, text=content.get("text", ""))

    def _find(self, content: Mapping[str, Any], key: str) -> Message | None:
        channel, ts = _channel(content), content.get(key)
        return next((m for m in self.messages if m.ts == ts and m.channel == channel), None)

    def _keep(self, message: Message) -> None:
        self.messages.append(message)
        self.on_message(message)

    def _too_fast(self, channel: str) -> bool:
        """One message a second, and a short burst: each message moves the time at which the channel is free again."""
        now = self.now()
        free = max(self._allowed.get(channel, 0.0), now)
        if free - now > BURST * self.pace:
            return True
        self._allowed[channel] = free + self.pace
        return False

    def _ts(self) -> str:
        return f"{int(self.now())}.{len(self.messages) + 1:06d}"


def problem_of(content: Mapping[str, Any]) -> str:
    """Slack's word for what is wrong with a message; empty if nothing is."""
    blocks, text = content.get("blocks"), content.get("text") or ""
    if not text and not blocks and not content.get("attachments"):
        return "no_text"
    if not isinstance(text, str):
        return "invalid_arguments"
    if len(text) > LONGEST_TEXT:
        return "msg_too_long"
    groups = [] if blocks is None else [blocks]
    attachments = content.get("attachments") or []
    if len(attachments) > MOST_ATTACHMENTS:
        return "too_many_attachments"
    groups += [attachment["blocks"] for attachment in attachments if "blocks" in attachment]
    return "" if all(map(_blocks_hold, groups)) else "invalid_blocks"


def _blocks_hold(blocks: Any) -> bool:
    return isinstance(blocks, list) and len(blocks) <= MOST_BLOCKS and all(map(_block_holds, blocks))


def _block_holds(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    match block.get("type"):
        case "header":
            return _text_holds(block.get("text"), LONGEST_HEADER, ("plain_text",))
        case "section":
            fields = block.get("fields", [])
            if len(fields) > MOST_FIELDS or not all(_text_holds(item, 2_000) for item in fields):
                return False
            return bool(fields) if "text" not in block else _text_holds(block["text"], LONGEST_SECTION)
        case "context":
            elements = block.get("elements", [])
            return 0 < len(elements) <= 10
        case "actions":
            elements = block.get("elements", [])
            return 0 < len(elements) <= 25 and all(len(item.get("action_id", "")) <= 255 for item in elements)
        case "divider" | "image" | "rich_text":
            return True
        case _:
            return False


def _text_holds(text: Any, longest: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> bool:
    return (
        isinstance(text, dict)
        and text.get("type") in kinds
        and isinstance(text.get("text"), str)
        and 0 < len(text["text"]) <= longest
    )


def _texts(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    if isinstance(part, dict):
        return [
            found
            for key, value in part.items()
            if key not in ("type", "action_id")
            for found in _texts(value)
        ]
    return [found for item in part for found in _texts(item)] if isinstance(part, list) else []


def _channel(content: Mapping[str, Any]) -> str | None:
    wanted = str(content.get("channel") or "").lstrip("#")
    return next((key for key, name in CHANNELS.items() if wanted in (key, name)), None)


def _content(asked: Asked) -> dict[str, Any]:
    """The arguments of an API call, sent as JSON or as a form."""
    if asked.headers.get("content-type", "").startswith("application/json"):
        try:
            content = json.loads(asked.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}
    form: dict[str, Any] = {key: values[-1] for key, values in parse_qs(asked.body.decode()).items()}
    for key in ("blocks", "attachments"):
        if key in form:
            form[key] = json.loads(form[key])
    return form


def _plain(status: int, word: str) -> Said:
    return Said(status, word.encode(), kind="text/plain")


def _yes(**fields: Any) -> Said:
    return Said(body=json.dumps({"ok": True, **fields}).encode())


def _no(error: str) -> Said:
    return Said(body=json.dumps({"ok": False, "error": error}).encode())

"""A local Slack: webhooks, the methods of the Web API that alerts use, its rate limit, and its errors.

A channel accepts one message per second and a short burst. Above this rate the response is 429 with Retry-After. A client
that retries too early is listed in `violations`. This module does not depend on CALI.

    with Slack().serve() as server:
        SlackApi(lambda: TOKEN, clock.now, clock.sleep, server.url)
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

from cali.testing.slack_rules import RECOMMENDED_TEXT, wrong_message, wrong_view

TOKEN = "xoxb-local"  # noqa: S105 - valid only for this server
HOOK = "/services/T00000000/B00000000/local"
CHANNELS = {"C0LOCAL0001": "cali-alerts", "C0LOCAL0002": "payments", "C0LOCAL0003": "cali-digest"}
BURST = 3  # messages that a channel accepts at once


@dataclass(slots=True)
class SlackMessage:
    """A message in Slack. `thread` is the time stamp of its parent, `edits` the times of its edits."""

    at: float
    channel: str
    ts: str
    content: dict[str, Any]
    thread: str = ""
    via: str = "api"
    edits: list[float] = field(default_factory=list)
    deleted: bool = False

    @property
    def text(self) -> str:
        """Return all text that a person sees."""
        return "\n".join(_texts({key: self.content.get(key) for key in ("text", "blocks", "attachments")}))


@dataclass(slots=True)
class Slack:
    """The state of a workspace.

    `pace` is the minimum number of seconds between two messages of a channel. `mode` is up, down (no response), lost (the
    request succeeds but the response is lost) or busy (429, with `pause` as Retry-After if set). `refuses` maps post,
    reply, update or all to an error.
    """

    now: Callable[[], float] = time.time
    mode: str = "up"
    pause: int | str | None = 30
    refuses: dict[str, str] = field(default_factory=dict)
    messages: list[SlackMessage] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    scopes: set[str] = field(default_factory=lambda: {"chat:write", "channels:history"})
    calls: int = 0
    pace: float = 1.0
    on_message: Callable[[SlackMessage], None] = lambda _: None
    _free: dict[str, float] = field(default_factory=dict)
    _told: dict[str, float] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    def shown(self, channel: str = "", *, thread: str | None = "") -> list[SlackMessage]:
        """Return the visible messages of one channel or of all.

        With `thread`, return the replies of that thread. With None, return messages and all replies.
        """
        wanted = next((key for key, name in CHANNELS.items() if channel.lstrip("#") in (key, name)), "")
        found = [one for one in self.messages if not one.deleted and (not channel or one.channel == wanted)]
        return [one for one in found if (bool(one.thread) if thread is None else one.thread == thread)]

    def delete(self, message: SlackMessage) -> None:
        """Delete a message, as a person would."""
        message.deleted = True

    def answer(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]] | None:
        """Return status, body and headers of a response, or None to close the connection without one."""
        with self._lock:
            self.calls += 1
            if self.mode == "down":
                return None
            if self.mode == "busy":
                return _limited(self.pause)
            said = self._api(path[5:], headers, body) if path.startswith("/api/") else self._hook(path, body)
            if said[0] != 200 or b'"ok": false' in said[1]:
                self.refused.append(said[1].decode())
            return None if self.mode == "lost" else said

    def serve(self) -> SlackServer:
        """Start a server on a free port."""
        return SlackServer(self)

    def _hook(self, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        if path != HOOK:
            return 404, b"no_service", {}
        try:
            content = json.loads(body)
        except ValueError:
            return 400, b"invalid_payload", {}
        wrong = self._wrong(content)
        if wrong:
            return 400, wrong.encode(), {}
        channel = next(iter(CHANNELS))
        if self._too_fast(channel):
            return 429, b"rate_limited", {"Retry-After": "1"}
        self._show(SlackMessage(self.now(), channel, self._ts(), content, via="webhook"))
        return 200, b"ok", {}

    def _api(self, method: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes, dict[str, str]]:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if token != TOKEN:
            return _no("invalid_auth" if token else "not_authed")
        content = _content(headers, body)
        what = "reply" if content.get("thread_ts") else _WHATS.get(method, "")
        if error := self.refuses.get("all") or self.refuses.get(what):
            return _no(error)
        match method:
            case "chat.postMessage":
                return self._post(content)
            case "chat.update":
                return self._update(content)
            case "views.open":
                return self._view(content)
            case "auth.test":
                return _yes(user="cali", team="Local", url="https://local.slack.com/")
            case "conversations.history" | "conversations.replies":
                return self._history(content)
        return _no("unknown_method")

    def _post(self, content: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        channel = _channel(content)
        if channel is None:
            return _no("channel_not_found")
        wrong = self._wrong(content)
        if wrong:
            return _no(wrong)
        thread = str(content.get("thread_ts") or "")
        if thread and not any(one.ts == thread and not one.deleted for one in self.messages):
            return _no("thread_not_found")
        if self._too_fast(channel):
            return _limited(1)
        message = SlackMessage(self.now(), channel, self._ts(), content, thread)
        self._show(message)
        return _yes(channel=channel, ts=message.ts, message={"text": content.get("text", "")})

    def _show(self, message: SlackMessage) -> None:
        self.messages.append(message)
        self.on_message(message)

    def _update(self, content: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        channel = content.get("channel")
        found = next(
            (one for one in self.messages if one.ts == content.get("ts") and one.channel == channel), None
        )
        if channel not in CHANNELS:  # an update needs the channel's id, not its name
            return _no("channel_not_found")
        if found is None or found.deleted:
            return _no("message_not_found")
        if found.via != "api":
            return _no("cant_update_message")
        wrong = self._wrong(content)
        if wrong:
            return _no(wrong)
        found.content = {**found.content, **content}
        found.edits.append(self.now())
        return _yes(channel=channel, ts=found.ts, text=content.get("text", ""))

    def _view(self, content: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        if not content.get("trigger_id"):
            return _no("invalid_trigger_id")
        wrong = wrong_view(content.get("view"))
        if wrong:
            return _no(wrong)
        self.views.append(content["view"])
        return _yes(view={"id": f"V{len(self.views)}"})

    def _history(self, content: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        if "channels:history" not in self.scopes:
            return _no("missing_scope", needed="channels:history")
        if content.get("channel") not in CHANNELS:
            return _no("channel_not_found")
        thread = str(content.get("ts", ""))
        oldest = float(content.get("oldest", 0))
        found = [
            {"ts": one.ts, "text": one.content.get("text", ""), "metadata": one.content.get("metadata")}
            for one in reversed(self.messages)
            if one.channel == content["channel"]
            and not one.deleted
            and one.at >= oldest
            and one.thread == thread
        ]
        return _yes(messages=found[: int(content.get("limit", 100))])

    def _wrong(self, content: Any) -> str:
        if not isinstance(content, dict):
            return "invalid_payload"
        if len(content.get("text") or "") > RECOMMENDED_TEXT:
            self.violations.append("text longer than Slack recommends")
        wrong = wrong_message(content)
        if wrong:
            self.violations.append(wrong)
        return wrong.split(":")[0]

    def _too_fast(self, channel: str) -> bool:
        """Return True if the rate limit is exceeded. Each message delays the time at which its channel is free again."""
        now = self.now()
        if now < self._told.get(channel, 0.0) - 0.001:
            self.violations.append(f"{channel}: retried before Retry-After")
        free = max(self._free.get(channel, 0.0), now)
        if free - now > BURST * self.pace:
            self._told[channel] = now + 1
            return True
        self._free[channel] = free + self.pace
        return False

    def _ts(self) -> str:
        return f"{int(self.now())}.{len(self.messages) + 1:06d}"


class SlackServer:
    """A server for a Slack on a local port. `url` is the address of the API, `hook` the address of the webhook."""

    def __init__(self, slack: Slack) -> None:
        class SlackHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                said = slack.answer(
                    self.path, {key.lower(): value for key, value in self.headers.items()}, body
                )
                if said is None:
                    self.close_connection = True
                    return
                status, content, headers = said
                with suppress(OSError):
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), SlackHandler)
        self._server.daemon_threads = True
        root = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{root}/api"
        self.hook = root + HOOK
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _texts(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    if isinstance(part, dict):
        part = [value for key, value in part.items() if key not in ("type", "action_id")]
    return [text for one in part for text in _texts(one)] if isinstance(part, list) else []


def _channel(content: Mapping[str, Any]) -> str | None:
    wanted = str(content.get("channel") or "").lstrip("#")
    return next((key for key, name in CHANNELS.items() if wanted in (key, name)), None)


def _content(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the arguments of a call, which are sent as JSON or as a form."""
    if headers.get("content-type", "").startswith("application/json"):
        try:
            content = json.loads(body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}
    return {key: values[-1] for key, values in parse_qs(body.decode()).items()}


def _yes(**fields: Any) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps({"ok": True, **fields}).encode(), {}


def _no(error: str, **fields: Any) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps({"ok": False, "error": error, **fields}).encode(), {}


def _limited(seconds: int | str | None) -> tuple[int, bytes, dict[str, str]]:
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return 429, b'{"ok": false, "error": "ratelimited"}', headers


_WHATS = {"chat.postMessage": "post", "chat.update": "update"}

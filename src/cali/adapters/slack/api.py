"""Slack's Web API: calls at the pace that Slack allows, and its errors as CaliError."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cali.adapters.http.client import HttpResponse, post
from cali.core.errors import Misconfigured, Poison, Retryable
from cali.stages.notify.sink import MessageGone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

URL = "https://slack.com/api"
PACE = 1.05  # seconds between two messages to one channel
LONGEST_WAIT = 8.0  # seconds that a call waits for its turn; a longer wait raises Retryable
_NOT_PAUSED = frozenset({"views.open"})  # seconds between two calls for a button
AWAY = 10.0  # seconds of pause after a timeout, because each further attempt may take the whole timeout
_GONE = {"message_not_found", "thread_not_found", "cant_update_message", "message_not_accessible"}
_POISON = {
    "block_mismatch",
    "edit_window_closed",
    "invalid_arguments",
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "too_many_attachments",
    "expired_trigger_id",
    "trigger_expired",
    "trigger_exchanged",
    "exchanged_trigger_id",
    "invalid_trigger_id",
}
_RETRY = {
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "request_timeout",
    "service_unavailable",
}
_READS = {"conversations.history", "conversations.replies"}


class SlackApi:
    """Calls methods of the API. `token` returns the bot's token; no error repeats it."""

    def __init__(
        self,
        token: Callable[[], str],
        now: Callable[[], float],
        sleep: Callable[[float], None],
        url: str = URL,
        timeout: float = 5.0,
    ) -> None:
        self._token = token
        self._now = now
        self._sleep = sleep
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._free: dict[str, tuple[float, float]] = {}  # last use and next free time, by channel or method

    def call(self, method: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return Slack's answer. Raise MessageGone, Retryable, Poison or Misconfigured if the call failed. Slack limits
        messages per channel, and all else per method."""
        posts = method == "chat.postMessage"
        lane = f"{method} {content.get('channel', '')}" if posts else method
        self._in_turn(lane)
        try:
            return self._once(method, content, lane, PACE if posts else 0.0)
        except Retryable as error:
            if error.after is None or error.after > LONGEST_WAIT:
                raise
        self._in_turn(lane)
        return self._once(method, content, lane, PACE if posts else 0.0)

    def _in_turn(self, lane: str) -> None:
        """after a clock was set back, the next free times are unknown"""
        now = self._now()
        used, free = self._free.get(lane, (now, now))
        wait = free - now if used <= now else 0.0  # after a clock was put back, no pause is known
        if wait > LONGEST_WAIT:
            raise Retryable(f"Slack: {lane}: the rate limit is reached", after=wait)
        if wait > 0:
            self._sleep(wait)

    def _once(self, method: str, content: Mapping[str, Any], lane: str, pace: float) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/json; charset=utf-8",
        }
        body = json.dumps(content).encode()
        if method in _READS:  # these take no JSON
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(content).encode()
        self._free[lane] = (self._now(), self._now() + pace)
        try:
            answer = post("Slack", f"{self._url}/{method}", body, headers, self._timeout)
        except Retryable:
            if method not in _NOT_PAUSED:
                self._free[lane] = (self._now(), self._now() + AWAY)
            raise
        try:
            return _read(method, answer)
        except Retryable as error:
            if error.after is not None:  # the earliest time of the next call in this process
                self._free[lane] = (self._now(), self._now() + error.after)
            raise


def _read(method: str, answer: HttpResponse) -> dict[str, Any]:
    if answer.status == 429:
        raise Retryable(f"Slack: {method}: ratelimited", after=answer.retry_after or 1.0)
    if answer.status >= 500:
        raise Retryable(f"Slack: {method}: {answer.status}", after=answer.retry_after)
    try:
        content = json.loads(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Retryable(f"Slack: {method}: {answer.status}, and no JSON")
    if content.get("ok"):
        return content
    error = str(content.get("error", "no reason"))
    line = f"Slack: {method}: {error}"
    if error in _GONE:
        raise MessageGone(line)
    if error in _POISON:
        raise Poison(line)
    if error in _RETRY:
        raise Retryable(line, after=answer.retry_after)
    needed = f" (needs {content['needed']})" if content.get("needed") else ""
    raise Misconfigured(line + needed)

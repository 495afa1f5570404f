"""Slack's Web API: one call, its pace kept, and its refusals said in our words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from cali.adapters.http_post import Answered, post
from cali.errors import Misconfigured, Poison, Retryable
from cali.stages.notify.sink import Gone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

URL = "https://slack.com/api"
PACE = 1.05  # seconds between two messages to one channel
LONGEST_WAIT = 8.0  # seconds that a call may wait for its turn; beyond that it is to come again
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
    """Calls methods of the API. `token` gives the bot's token when it is needed; no message of ours repeats it."""

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
        self._free: dict[str, float] = {}  # when a channel takes the next message

    def call(self, method: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """What Slack answered. Raises Gone, Retryable, Poison or Misconfigured when it did not do it."""
        channel = str(content.get("channel", "")) if method == "chat.postMessage" else ""
        attempts = 2
        for attempt in range(attempts):
            if channel:
                self._in_turn(channel)
            try:
                return self._once(method, content)
            except Retryable as error:
                after = error.after
                if after is None or after > LONGEST_WAIT or attempt == attempts - 1:
                    raise
                self._free[channel] = self._now() + after
                self._sleep(after)
        raise AssertionError(method)  # pragma: no cover - the loop returns or raises

    def _in_turn(self, channel: str) -> None:
        wait = self._free.get(channel, 0.0) - self._now()
        if wait > LONGEST_WAIT:
            raise Retryable("Slack: this channel has had too many messages just now", after=wait)
        if wait > 0:
            self._sleep(wait)
        self._free[channel] = self._now() + PACE

    def _once(self, method: str, content: Mapping[str, Any]) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/json; charset=utf-8",
        }
        body = json.dumps(content).encode()
        if method in _READS:  # these take no JSON
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(content).encode()
        answer = post("Slack", f"{self._url}/{method}", body, headers, self._timeout)
        return _read(method, answer)


def _read(method: str, answer: Answered) -> dict[str, Any]:
    if answer.status == 429:
        raise Retryable(f"Slack: {method}: ratelimited", after=answer.after or 1.0)
    if answer.status >= 500:
        raise Retryable(f"Slack: {method}: {answer.status}", after=answer.after)
    try:
        said = json.loads(answer.body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Retryable(f"Slack: {method}: {answer.status}, and no JSON")
    if said.get("ok"):
        return said
    error = str(said.get("error", "no reason"))
    line = f"Slack: {method}: {error}"
    if error in _GONE:
        raise Gone(line)
    if error in _POISON:
        raise Poison(line)
    if error in _RETRY:
        raise Retryable(line, after=answer.after)
    needed = f" (needs {said['needed']})" if said.get("needed") else ""
    raise Misconfigured(line + needed)

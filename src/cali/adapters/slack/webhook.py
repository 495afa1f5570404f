"""Slack's incoming webhook, or any server that takes the same. It cannot edit, so an incident gets two messages at most.
Delivery: at least once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cali.adapters.http.client import TIMEOUT, HttpResponse, post
from cali.adapters.slack.blocks import payload
from cali.core.errors import Misconfigured, Poison, Retryable
from cali.stages.notify.sink import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cali.adapters.sinks.registry import SinkEnvironment
    from cali.stages.notify.content import Message

OPTIONS = {"secret"}
STYLE = Style.LETTERS
preview = payload
PATIENCE = 3.0  # seconds; a longer pause is left to a later attempt
TRIES = 4  # maximum seconds for one message, including pauses
AWAY = 5.0  # seconds of pause after a failure without a Retry-After
_GONE = {
    "invalid_token",
    "no_service",
    "no_team",
    "channel_not_found",
    "channel_is_archived",
    "action_prohibited",
}


def sink(options: dict[str, str], environment: SinkEnvironment) -> SlackLetters:
    """Options: `secret` (the key of the webhook's address, `webhook_url`)."""
    name = options.get("secret", "webhook_url")
    return SlackLetters(SlackWebhook(lambda: environment.secret(name)), environment.now, environment.sleep)


class SlackLetters:
    """A Sink. A webhook has one channel, so the channel of the rules is not used. It waits if Slack requests a short
    pause. It sends nothing during a longer pause or while Slack is down."""

    style = STYLE

    def __init__(
        self, webhook: SlackWebhook, now: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._webhook = webhook
        self._now = now
        self._sleep = sleep
        self._paused_until = 0.0

    def post(self, message: Message, channel: str) -> str:  # noqa: ARG002 - the address says where it goes
        left = self._paused_until - self._now()
        if left > 0:
            raise Retryable("Slack: paused after a refusal", after=left)
        content = payload(message)
        self._posted({key: content[key] for key in ("text", "blocks", "unfurl_links", "unfurl_media")})
        return ""

    def _posted(self, content: Mapping[str, Any]) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                self._webhook.post(content)
            except Retryable as refusal:
                pause = refusal.after
                if pause is None or pause > PATIENCE or attempt == TRIES:
                    self._paused_until = self._now() + (pause or AWAY)
                    raise
            else:
                return
            self._sleep(pause)


class SlackWebhook:
    """Posts messages. `url` returns the secret address; no error repeats it. Raises Retryable if a later post may succeed,
    Poison if Slack refuses this message, Misconfigured if it refuses all."""

    def __init__(self, url: Callable[[], str], timeout: float = TIMEOUT) -> None:
        self._url = url
        self._timeout = timeout

    def post(self, message: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        answer = post("Slack", self._url(), json.dumps(message).encode(), headers, self._timeout)
        if not 200 <= answer.status < 300:
            raise _refusal(answer)


def _refusal(answer: HttpResponse) -> Exception:
    body = answer.body[:200].decode(errors="replace").strip()
    line = f"Slack: {answer.status} {' '.join(body.split())}".rstrip()
    if answer.status == 429 or answer.status >= 500:
        return Retryable(line, after=answer.retry_after)
    if 300 <= answer.status < 400 or answer.status in (401, 403, 404, 410) or body in _GONE:
        return Misconfigured(line)
    return Poison(line)

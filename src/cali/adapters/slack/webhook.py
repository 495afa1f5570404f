"""A Slack incoming webhook, or any server that takes the same. It can change nothing that it has posted, so an incident
gets two messages at most. Delivery: at least once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

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
PATIENT = 3.0  # seconds: a longer pause is not waited for
TRIES = 4  # of one message, with the pauses between them
AWAY = 5.0  # seconds for which Slack is left alone that does not say for how long
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
    """A Sink. A webhook leads to one channel, so the channel of the rules is not used. A short pause that Slack asks for is
    waited for; after a longer one, or when it is away, no message of this process is tried until that is over."""

    style = STYLE

    def __init__(self, webhook: Webhook, now: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._webhook = webhook
        self._now = now
        self._sleep = sleep
        self._shut = 0.0  # until when Slack wants nothing

    def post(self, message: Message, channel: str) -> str:  # noqa: ARG002 - the address says where it goes
        left = self._shut - self._now()
        if left > 0:
            raise Retryable("Slack: left alone for a while", after=left)
        content = payload(message)
        self._posted({key: content[key] for key in ("text", "blocks", "unfurl_links", "unfurl_media")})
        return ""

    def _posted(self, content: Mapping[str, Any]) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                self._webhook.post(content)
            except Retryable as refusal:
                pause = refusal.after
                if pause is None or pause > PATIENT or attempt == TRIES:
                    self._shut = self._now() + (pause or AWAY)
                    raise
            else:
                return
            self._sleep(pause)


class Webhook(Protocol):
    """Takes messages; see SlackWebhook."""

    def post(self, message: Mapping[str, Any]) -> None: ...


class SlackWebhook:
    """Posts messages. `url` gives the secret address when it is needed; no message of ours repeats it. Raises Retryable
    when a later post may succeed, Poison when Slack does not take this message, Misconfigured when it takes none."""

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

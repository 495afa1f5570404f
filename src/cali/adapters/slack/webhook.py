"""A Slack incoming webhook, or any server that takes the same. It can change nothing that it has posted, so an incident
gets two messages at most. Delivery: at least once."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from cali.adapters.http.client import seconds
from cali.adapters.slack.blocks import payload
from cali.core.errors import Misconfigured, Poison, Retryable
from cali.stages.notify.sink import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cali.adapters.sinks.registry import World
    from cali.stages.notify.content import Message

OPTIONS = {"secret"}
STYLE = Style.LETTERS
preview = payload
TIMEOUT = 5.0
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


def sink(options: dict[str, str], world: World) -> SlackLetters:
    """Options: `secret` (the key of the webhook's address, `webhook_url`)."""
    name = options.get("secret", "webhook_url")
    return SlackLetters(SlackWebhook(lambda: world.secret(name)), world.now, world.sleep)


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
        url = self._url()
        if urlsplit(url).scheme not in ("https", "http"):
            raise Misconfigured("Slack: the webhook's address is not a URL")
        request = Request(  # noqa: S310 - the scheme was looked at
            url, json.dumps(message).encode(), {"Content-Type": "application/json; charset=utf-8"}
        )
        try:
            with urlopen(request, timeout=self._timeout) as answer:  # noqa: S310 - the same
                answer.read()
        except HTTPError as error:
            raise _refused(error) from None  # the cause's text holds the address
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise Retryable(f"Slack: cannot be reached: {type(reason).__name__}") from None


def _refused(error: HTTPError) -> Exception:
    try:
        body = error.read(200).decode(errors="replace").strip()
    except OSError:
        body = ""
    line = f"Slack: {error.code} {' '.join(body.split())}".rstrip()
    if error.code == 429 or error.code >= 500:
        return Retryable(line, after=seconds(error.headers.get("Retry-After")))
    if error.code in (401, 403, 404, 410) or body in _GONE:
        return Misconfigured(line)
    return Poison(line)

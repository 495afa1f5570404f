"""A Slack incoming webhook, or any server that takes the same."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from cali.errors import Misconfigured, Poison, Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT = 5.0
_GONE = {
    "invalid_token",
    "no_service",
    "no_team",
    "channel_not_found",
    "channel_is_archived",
    "action_prohibited",
}


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
        return Retryable(line, after=_seconds(error.headers.get("Retry-After")))
    if error.code in (401, 403, 404, 410) or body in _GONE:
        return Misconfigured(line)
    return Poison(line)


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None

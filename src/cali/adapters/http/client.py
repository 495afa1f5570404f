"""One call, no retry, no redirect: what alerts are sent with. Addresses may be secret, so no message repeats them."""

from __future__ import annotations

from http.client import HTTPException
from math import isnan, nan
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cali.core.errors import Misconfigured, Poison, Retryable

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 5.0
LONGEST = 3_600.0  # seconds; who wants more is asked in vain once an hour
MOST = 1_000_000  # bytes of an answer that are read


class Answered(NamedTuple):
    """What a server said. Names of headers are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def after(self) -> float | None:
        """How long it asks us to wait."""
        return seconds(self.headers.get("retry-after"))


def seconds(text: str | None) -> float | None:
    """A Retry-After, an hour at most; None without one, or if it is no number of seconds."""
    try:
        asked = float(text) if text else nan
    except ValueError:
        return None
    return None if isnan(asked) else min(max(asked, 0.0), LONGEST)


class _Stays(HTTPRedirectHandler):
    """A body that is signed, or holds a token, is for this server alone."""

    def redirect_request(self, *_given: Any) -> None:
        return None


_OPENER = build_opener(_Stays)


def post(who: str, url: str, body: bytes, headers: Mapping[str, str], timeout: float = TIMEOUT) -> Answered:
    """The server's answer, whatever its status. Retryable if there is none; `who` names the server in errors."""
    return send(who, "POST", url, body, headers, timeout)


def send(
    who: str,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout: float = TIMEOUT,
) -> Answered:
    """The same by any method."""
    if urlsplit(url).scheme not in ("https", "http"):
        raise Misconfigured(f"{who}: its address is not a URL that begins with https://")
    request = Request(url, body, dict(headers), method=method)  # noqa: S310 - the scheme was looked at
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            return _answered(answer.status, answer)
    except HTTPError as error:
        with error:
            return _answered(error.code, error)
    except ValueError:  # a header that cannot be sent, such as a token with a line break
        raise Misconfigured(f"{who}: its address or token holds characters that cannot be sent") from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise Retryable(f"{who}: cannot be reached: {type(reason).__name__}") from None


def taken(who: str, answer: Answered) -> Answered:
    """The answer if the server took what was sent; otherwise the error of our tree that it means."""
    if 200 <= answer.status < 300:
        return answer
    said = " ".join(answer.body[:200].decode(errors="replace").split())
    line = f"{who}: {answer.status} {said}".rstrip()
    if answer.status in (408, 425, 429) or answer.status >= 500:
        raise Retryable(line, after=answer.after)
    if answer.status in (400, 413, 422):
        raise Poison(line)
    raise Misconfigured(line)


def _answered(status: int, answer: Any) -> Answered:
    try:
        body = answer.read(MOST)
    except (HTTPException, OSError):
        body = b""
    return Answered(status, body, {name.lower(): value for name, value in answer.headers.items()})

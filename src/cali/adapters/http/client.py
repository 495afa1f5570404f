"""HTTP client: one request, no retry, no redirect. An address may be secret, so no error repeats it.

urllib3 does the work. botocore imports it anyway, so it adds nothing to the start of a function.
"""

from __future__ import annotations

from functools import cache
from math import isnan, nan
from ssl import SSLContext, create_default_context
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager
from urllib3.exceptions import HTTPError

from cali.core.errors import Misconfigured, Poison, Retryable

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 5.0
LONGEST_PAUSE = 3_600.0  # seconds; a longer Retry-After is cut to an hour
LARGEST = 4_000_000  # maximum bytes read of a body


class HttpResponse(NamedTuple):
    """A server's response. Names of headers are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def retry_after(self) -> float | None:
        """Return the seconds in Retry-After, at most an hour. Return None if the header has no number."""
        text = self.headers.get("retry-after")
        try:
            pause = float(text) if text else nan
        except ValueError:
            return None
        return None if isnan(pause) else min(max(pause, 0.0), LONGEST_PAUSE)


def post(
    server: str, url: str, body: bytes, headers: Mapping[str, str], timeout: float = TIMEOUT
) -> HttpResponse:
    """Post a body. See `request`."""
    return request(server, "POST", url, body, headers, timeout)


def request(
    server: str,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout: float = TIMEOUT,
) -> HttpResponse:
    """Return the response, whatever its status. Raise Retryable if there is none. Errors call the server `server`."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http"):
        raise Misconfigured(f"{server}: its address is not a URL that begins with https://")
    headers = {"User-Agent": "cali", "Connection": "close", **headers}
    try:
        with _pool(parts.scheme, parts.hostname or "") as pool:
            answer = pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=timeout,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            content = _content(answer)
    except ValueError:  # a token with a line break, or an address that cannot be parsed
        raise Misconfigured(f"{server}: its address or token holds characters that cannot be sent") from None
    except (HTTPError, OSError) as error:
        reason = error.__cause__ or error
        raise Retryable(f"{server}: cannot be reached: {type(reason).__name__}") from None
    return HttpResponse(
        answer.status, content, {name.lower(): value for name, value in answer.headers.items()}
    )


def accepted(server: str, response: HttpResponse) -> HttpResponse:
    """Return a successful response. Raise the matching CaliError for any other status."""
    if 200 <= response.status < 300:
        return response
    text = " ".join(response.body[:200].decode(errors="replace").split())
    line = f"{server}: {response.status} {text}".rstrip()
    if response.status in (408, 425, 429) or response.status >= 500:
        raise Retryable(line, after=response.retry_after)
    if response.status in (400, 413, 422):
        raise Poison(line)
    raise Misconfigured(line)


def _content(answer: BaseHTTPResponse) -> bytes:
    """Return the body. Return an empty one if it is incomplete, because the server has processed the request."""
    try:
        return answer.read(LARGEST)
    except (HTTPError, OSError):
        return b""
    finally:
        answer.close()


def _pool(scheme: str, host: str) -> PoolManager:
    """Return a pool for one request, through the proxy of the environment if there is one.

    Connections are not reused: one that stays open while a function is frozen fails on its next use.
    """
    proxy = "" if proxy_bypass(host) else getproxies().get(scheme, "")
    return ProxyManager(proxy, ssl_context=_tls()) if proxy else PoolManager(ssl_context=_tls())


@cache
def _tls() -> SSLContext:
    return create_default_context()

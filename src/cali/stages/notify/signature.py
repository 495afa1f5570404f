"""Whether a request comes from Slack: version 0 of its signatures, a window of time, and a bound on size."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

WINDOW = 300.0  # seconds that a request may be old, or ahead of our clock
LONGEST = 500_000  # bytes; what Slack sends of a message of ours is far below it


class Refused(NamedTuple):
    """A request that is not processed: the status to answer with, and why, for our own log."""

    status: int
    why: str


class Signed(NamedTuple):
    """A request that was signed with the secret, lately. `mark` is its signature, by which a replay is known."""

    mark: str


def checked(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> Signed | Refused:
    """Whether a request may be processed. Names of headers in any case. Without a secret nothing is believed."""
    if len(body) > LONGEST:
        return Refused(413, f"{len(body):,} bytes")
    named = {name.lower(): value for name, value in headers.items()}
    stamp, mark = named.get("x-slack-request-timestamp", ""), named.get("x-slack-signature", "")
    if not secret:
        return Refused(401, "there is no signing secret")
    if not stamp or not mark:
        return Refused(401, "not signed")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return Refused(401, "its time stamp is no number")
    if abs(now - int(stamp)) > WINDOW:
        return Refused(401, "stale")
    if not hmac.compare_digest(_mark(stamp, body, secret).encode(), mark.encode("utf-8", "replace")):
        return Refused(401, "the signature is not ours")
    return Signed(mark)


def sign(body: bytes, secret: str, now: float) -> dict[str, str]:
    """The headers with which Slack would send this body."""
    stamp = str(int(now))
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": _mark(stamp, body, secret)}


def _mark(stamp: str, body: bytes, secret: str) -> str:
    return (
        "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    )

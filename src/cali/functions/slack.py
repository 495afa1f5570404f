"""Whether a request comes from Slack: version 0 of its signatures, with a window of time against replays."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cali.errors import Poison

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW = 300.0  # seconds that a request may be old, or ahead of our clock


def is_signed(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether the request was signed with the secret, lately. Names of headers are lower case."""
    stamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not secret or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return False
    if abs(now - int(stamp)) > WINDOW:
        return False
    wanted = (
        "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    )
    return hmac.compare_digest(wanted.encode(), signature.encode())


def sign(body: bytes, secret: str, now: float) -> dict[str, str]:
    """The headers with which Slack would send this body."""
    stamp = str(int(now))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}"}


def payload(body: bytes) -> dict[str, Any]:
    """The JSON in a form that Slack posts. Poison if there is none."""
    try:
        held = json.loads(parse_qs(body.decode())["payload"][0])
    except (ValueError, KeyError, IndexError) as error:
        raise Poison(f"not an action of Slack's: {type(error).__name__}") from error
    if not isinstance(held, dict):
        raise Poison("not an action of Slack's: its payload is no object")
    return held

"""Signed webhook: posts every change of an incident once, as JSON, to any server.

    X-Cali-Timestamp: <seconds>
    X-Cali-Signature: v1=<HMAC-SHA256 of "<seconds>." and the body, in hex>
    Idempotency-Key: <incident>/<change>

Delivery: at least once, each time with the same Idempotency-Key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from cali.adapters.http.client import accepted, post
from cali.stages.notify.plain_text import middle
from cali.stages.notify.sink import Style

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.adapters.sinks.registry import SinkEnvironment
    from cali.stages.notify.content import Message

OPTIONS = {"url", "url_secret", "secret"}
STYLE = Style.EVENTS
ERROR = 20_000


def sink(options: dict[str, str], environment: SinkEnvironment) -> SignedWebhook:
    """Options: `url`, or `url_secret` (the key of a secret that holds it), and `secret` (the key of the signing secret,
    `webhook_key`)."""
    name, url = options.get("secret", "webhook_key"), options.get("url", "")
    address = (
        (lambda: url) if url else (lambda: environment.secret(options.get("url_secret", "webhook_address")))
    )
    return SignedWebhook(address, lambda: environment.secret(name), environment.now)


class SignedWebhook:
    """Sink that signs its requests."""

    style = STYLE

    def __init__(self, url: Callable[[], str], secret: Callable[[], str], now: Callable[[], float]) -> None:
        self._url = url
        self._secret = secret
        self._now = now

    def post(self, message: Message, channel: str) -> str:
        body = json.dumps(content(message, channel), ensure_ascii=False).encode("utf-8", "replace")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": message.key,
            **signed(body, self._secret(), self._now()),
        }
        accepted("webhook", post("webhook", self._url(), body, headers))
        return ""


def signed(body: bytes, secret: str, now: float) -> dict[str, str]:
    """Return the headers with which a receiver verifies the body and its age."""
    stamp = str(int(now))
    mark = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Cali-Timestamp": stamp, "X-Cali-Signature": f"v1={mark}"}


def content(message: Message, channel: str = "") -> dict[str, Any]:
    """Return the body as plain data."""
    incident = message.incident
    made: dict[str, Any] = {
        "version": 1,
        "key": message.key,
        "kind": message.kind,
        "incident": message.thread,
        "standing": message.standing.value,
        "severity": message.severity.label,
        "title": message.title,
        "summary": message.summary,
        "cause": message.cause,
        "confidence": message.sure,
        "fix": list(message.fix),
        "error": middle(message.error, ERROR, message.words),
        "evidence": list(message.evidence),
        "links": [{"name": link.name, "url": link.url} for link in message.links],
        "related": [one.id for one in message.listing],
    }
    if channel:
        made["channel"] = channel
    if incident is not None:
        made |= {
            "status": incident.status.value,
            "scope": incident.scope._asdict(),
            "fingerprint": incident.template.id,
            "count": incident.count,
            "first_seen": incident.first_seen,
            "last_seen": incident.last_seen,
            "follows": incident.follows,
        }
    return made


preview = content

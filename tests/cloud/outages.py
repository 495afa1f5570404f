"""Counts what functions ask of each service, and refuses a share of it. Requests of the stand-ins are left alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from random import Random
from typing import Any

SIGNED = re.compile(r"Credential=(cali-[^/]+)/\d+/[^/]+/([^/]+)/")
# What each service says when it is busy. All of these are tried again by who asks.
SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
SAID = {
    "s3": ("503 Slow Down", "application/xml", SLOW_DOWN),
    "kinesis": (
        "400 Bad Request",
        "application/x-amz-json-1.1",
        b'{"__type": "ProvisionedThroughputExceededException", "message": "Rate exceeded for shard"}',
    ),
    "secretsmanager": (
        "500 Internal Server Error",
        "application/x-amz-json-1.1",
        b'{"__type": "InternalServiceError", "message": "An error occurred on the server side."}',
    ),
}


class Outages:
    """Which services refuse how much. `asked` counts requests: `analyze dynamodb PutItem`."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._shares: dict[str, float] = {}
        self._random = Random(11)

    def set(self, service: str, body: bytes) -> dict[str, float]:
        """From now on the service refuses this share: `{"share": 0.5}`."""
        self._shares[service] = float(json.loads(body)["share"])
        return self._shares

    def refused(self, environ: dict[str, Any]) -> tuple[str, str, bytes] | None:
        """Status, kind and body of a refusal; None for a request that goes on."""
        signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:
            return None
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or environ["REQUEST_METHOD"]
        self.asked[f"{signed[1].rpartition('-')[2]} {signed[2]} {action}"] += 1
        if self._random.random() >= self._shares.get(signed[2], 0.0):
            return None
        return SAID[signed[2]]

"""Counter of the functions' calls to each service, which also rejects a share of them. Requests of the fakes are not
affected."""

from __future__ import annotations

import json
import re
from collections import Counter
from random import Random
from typing import Any

SIGNED = re.compile(r"Credential=(cali-[^/]+)/\d+/[^/]+/([^/]+)/")
# Errors of each service under load. Every caller retries these.
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
    """The rejected share by service. `asked` counts requests: `analyze dynamodb PutItem`."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._shares: dict[str, float] = {}
        self._random = Random(11)

    def set(self, service: str, body: bytes) -> dict[str, float]:
        """Set the rejected share of a service: `{"share": 0.5}`."""
        self._shares[service] = float(json.loads(body)["share"])
        return self._shares

    def refused(self, environ: dict[str, Any]) -> tuple[str, str, bytes] | None:
        """Return status, type and body of a rejection, or None to accept the request."""
        signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:
            return None
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2] or environ["REQUEST_METHOD"]
        self.asked[f"{signed[1].rpartition('-')[2]} {signed[2]} {action}"] += 1
        if self._random.random() >= self._shares.get(signed[2], 0.0):
            return None
        return SAID[signed[2]]

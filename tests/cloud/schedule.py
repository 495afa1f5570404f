"""EventBridge for the local cloud: rules with a rate invoke their targets, at a shorter interval if requested."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from tests.cloud.batches import Outcome
from tests.cloud.emulator import ACCOUNT, REGION

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}


def seconds_of(expression: str) -> float | None:
    """Return the interval of a rate in seconds, or None for any other expression."""
    match = _RATE.fullmatch(expression)
    return int(match[1]) * _SECONDS[match[2]] if match else None


def event_of(rule_arn: str, now: float) -> bytes:
    """Return the event that a rule sends to its targets."""
    at = datetime.fromtimestamp(now, UTC)
    return json.dumps(
        {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "region": REGION,
            "resources": [rule_arn],
            "detail": {},
        }
    ).encode()


class Schedule:
    """A scheduler of the deployed rules. The interval of a rule is at most `most` seconds, so that a demo need not
    wait a minute."""

    def __init__(self, client: Any, invoke: Callable[[str, bytes], Outcome], most: float = 10.0) -> None:
        self._client = client
        self._invoke = invoke
        self._most = most
        self._due: dict[str, float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="schedule")
        self._thread.start()

    def run_now(self) -> None:
        """Invoke the targets of all rules once."""
        for rule in self._rules():
            self._send(rule["Arn"], rule["Name"])

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(0.5):
            now = time.monotonic()
            for rule in (
                self._rules() if any(due <= now for due in self._due.values()) or not self._due else ()
            ):
                seconds = seconds_of(rule["ScheduleExpression"])
                if seconds is None:
                    continue
                pause = min(seconds, self._most)
                if self._due.setdefault(rule["Name"], now + pause) <= now:
                    self._due[rule["Name"]] = now + pause
                    self._send(rule["Arn"], rule["Name"])

    def _send(self, arn: str, name: str) -> None:
        for target in self._client.list_targets_by_rule(Rule=name)["Targets"]:
            self._invoke(target["Arn"].rsplit(":", 1)[1], event_of(arn, time.time()))

    def _rules(self) -> list[dict[str, Any]]:
        rules = self._client.list_rules()["Rules"]
        return [rule for rule in rules if rule.get("ScheduleExpression") and rule["State"] == "ENABLED"]

"""The clock of a process, corrected by the time in AWS's answers.

Leases, retries and due times are written by one process and read by another. If the clock of one is wrong by more than a
lease, it ignores the lease of the other, and both send the same alert. All processes ask the same table, so its time is
theirs. The time comes with each answer: no call is added.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds of difference that are not corrected: an answer has whole seconds and may be slow.
TOLERATED = 5.0


class AwsClock:
    """Seconds since 1970. Until the first answer, and without `follow`, it is the clock of the process."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._now() - self._ahead

    def follow(self, client: Any) -> None:
        """Correct this clock by each answer to a boto3 client."""
        client.meta.events.register("after-call", self._answered)

    def _answered(self, http_response: Any, **_: Any) -> None:
        date = http_response.headers.get("Date", "")
        try:
            theirs = parsedate_to_datetime(date).timestamp() + 0.5
        except ValueError:  # a proxy may leave it out
            return
        ahead = self._now() - theirs
        self._ahead = ahead if abs(ahead) > TOLERATED else 0.0

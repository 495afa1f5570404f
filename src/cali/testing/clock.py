"""A clock for tests. Time advances only when code calls `sleep`, or when a test sets it."""

from __future__ import annotations

NOON = 1_795_176_000.0  # 2026-11-20, 12:00 UTC


class FakeClock:
    """A clock whose `time` a test can set. Call it, or its method `now`, to read the time. `sleeps` lists the pauses."""

    def __init__(self, time: float = NOON) -> None:
        self.time = time
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds

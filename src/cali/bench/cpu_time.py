"""Timing of benchmarks by processor time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable


def seconds(work: Callable[[], object], runs: int) -> float:
    """Return the median processor time of several runs."""
    return statistics.median(_times(work, runs))


def best(work: Callable[[], object], runs: int) -> float:
    """Return the minimum processor time of several runs."""
    return min(_times(work, runs))


def _times(work: Callable[[], object], runs: int) -> list[float]:
    taken = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return taken


def drain(items: Iterable[object]) -> None:
    """Consume all items."""
    for _ in items:
        pass

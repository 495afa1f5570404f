"""How a benchmark takes the time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable


def seconds(work: Callable[[], object], runs: int) -> float:
    """The median processor time of some runs of the work."""
    return statistics.median(_times(work, runs))


def best(work: Callable[[], object], runs: int) -> float:
    """The least processor time of some runs of the work."""
    return min(_times(work, runs))


def _times(work: Callable[[], object], runs: int) -> list[float]:
    taken = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return taken


def drain(items: Iterable[object]) -> None:
    """Takes all items and keeps none."""
    for _ in items:
        pass

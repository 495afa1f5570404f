"""The growth of cost with the size of the input. A ratio of two measurements in one process holds on any machine."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

TIMES = 8  # factor between the smaller and the larger input
LINEAR = 3 * TIMES  # linear work costs 8 times as much, quadratic work 64 times


def growth(work: Callable[[int], object], size: int) -> float:
    """Return how many times the CPU time of `size` the work needs for an input of 8 times that size."""

    def seconds(of: int) -> float:
        begun = process_time()
        work(of)
        return process_time() - begun

    small = min(seconds(size) for _ in range(3))
    large = min(seconds(size * TIMES) for _ in range(2))
    return large / max(small, 1e-4)  # below that, clock resolution and garbage collection dominate

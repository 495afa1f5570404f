"""Whether far more of a template came at once than its own past makes likely.

Counts per minute, with an exponentially weighted mean and variance of the minutes that are over. Each event costs the
same, whatever came before, and the state is six numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class BurstPolicy:
    """What a burst is: at least `least` events in one step, `factor` times the mean, `deviations` above it, after
    `history` steps. An event more than `stray` steps back means that the clock was wrong, so time starts anew."""

    step: float = 60.0
    least: int = 20
    factor: float = 5.0
    deviations: float = 4.0
    history: int = 5
    weight: float = 0.1  # of the newest step in the mean
    stray: int = 60


class Baseline(NamedTuple):
    """What is known of one template's rate."""

    step: int | None = None  # the step being counted
    events: int = 0  # in it
    mean: float = 0.0
    variance: float = 0.0
    steps: int = 0  # steps that are over
    burst: bool = False  # there was a burst


START = Baseline()
POLICY = BurstPolicy()


def observe(state: Baseline, time: float | None, policy: BurstPolicy = POLICY) -> Baseline:
    """The state after one more event. Without a time nothing is learnt; late events count as of now."""
    if time is None:
        return state
    step, count, mean, variance, steps, burst = state
    now = int(time // policy.step)
    if step is None or now < step - policy.stray:
        return Baseline(now, 1, mean, variance, steps, burst)
    if now > step:
        mean, variance = _closed(count, mean, variance, steps, now - step - 1, policy.weight)
        steps += now - step
        step, count = now, 0
    count += 1
    return Baseline(
        step, count, mean, variance, steps, burst or _is_burst(count, mean, variance, steps, policy)
    )


def _is_burst(count: int, mean: float, variance: float, steps: int, policy: BurstPolicy) -> bool:
    if count < policy.least or steps < policy.history or count < policy.factor * mean:
        return False
    # Counts of independent events vary by the root of their mean at least, whatever a short past shows.
    return count > mean + policy.deviations * sqrt(max(variance, mean))


def _closed(
    count: int, mean: float, variance: float, steps: int, empty: int, weight: float
) -> tuple[float, float]:
    """Mean and variance after a step of `count` events and then `empty` steps of none."""
    weight = max(weight, 1 / (steps + 1))  # a plain average until there is enough past
    off = count - mean
    mean += weight * off
    variance = (1 - weight) * (variance + weight * off * off)
    left: float = (1 - weight) ** empty if weight < 1 else 0.0**empty
    return mean * left, left * variance + mean * mean * left * (1 - left)

"""Bursts, and times that are missing or wrong."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from cali.stages.detect.tracker import START, Baseline, BurstPolicy, count_event


def after(
    times: Iterable[float | None], state: Baseline = START, policy: BurstPolicy | None = None
) -> Baseline:
    for time in times:
        state = count_event(state, time, policy or BurstPolicy())
    return state


def minutes(counts: list[int], start: int = 0) -> list[float]:
    return [(start + m) * 60.0 + s / 1000 for m, count in enumerate(counts) for s in range(count)]


def test_a_steady_rate_is_no_burst():
    assert not after(minutes([30] * 60)).burst


def test_five_times_its_own_rate_is_a_burst():
    past = after(minutes([30] * 20))
    assert not after(minutes([140], 20), past).burst
    assert after(minutes([160], 20), past).burst


def test_a_few_more_of_something_rare_are_no_burst():
    past = after(minutes([1] + [0] * 30 + [1]))
    assert not after(minutes([19], 40), past).burst
    assert after(minutes([20], 40), past).burst


def test_without_a_past_nothing_is_a_burst():
    assert not after(minutes([10_000])).burst
    assert not after(minutes([1, 1, 1, 10_000])).burst


def test_what_varies_much_needs_more_to_be_a_burst():
    wild = after(minutes([5, 300] * 15))
    steady = after(minutes([150] * 30))
    assert wild.variance > 10 * steady.variance
    assert not after(minutes([760], 30), wild).burst
    assert after(minutes([760], 30), steady).burst


def test_empty_minutes_in_one_step_count_as_those_one_by_one():
    policy = BurstPolicy(weight=0.1)
    base = after(minutes([40] * 30), policy=policy)
    jumped = count_event(base, 40 * 60.0, policy)
    mean, variance = base.mean, base.variance
    off = base.events - mean
    mean, variance = mean + 0.1 * off, 0.9 * (variance + 0.1 * off * off)
    for _ in range(10):
        mean, variance = 0.9 * mean, 0.9 * (variance + 0.1 * mean * mean)
    assert abs(jumped.mean - mean) < 1e-9
    assert abs(jumped.variance - variance) < 1e-9


def test_a_burst_is_remembered():
    burst = after(minutes([5] * 10 + [100]))
    assert after(minutes([1] * 10, 11), burst).burst


def test_events_without_a_time_teach_nothing():
    assert after([None] * 1000) == START
    past = after(minutes([3] * 5))
    assert count_event(past, None) == past


def test_late_events_count_as_of_now_and_a_wrong_clock_starts_anew():
    past = after(minutes([5] * 10))
    late = count_event(past, 8 * 60.0)
    assert (late.step, late.events) == (past.step, past.events + 1)
    far = count_event(past, 9e12)
    back = count_event(far, 11 * 60.0)
    assert (back.step, back.events) == (11, 1)
    assert after(minutes([1] * 9 + [300], 12), back).burst


@given(st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12), st.floats(0, 600)), max_size=60))
@settings(max_examples=100)
def test_any_times_leave_a_state_of_sane_numbers(times):
    state = after(times)
    assert isinstance(state, Baseline)
    assert state.mean >= 0
    assert state.variance >= 0
    assert state.mean <= len(times)

"""A model that fails, is slow or expensive: the run neither hangs nor exceeds its budget."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.adapters.sqlite.answers import AnswersFile
from cali.core.errors import Misconfigured, Poison, Retryable
from cali.core.models import Origin, Severity
from cali.core.ports import Answer
from cali.stages.reason import Breaker, BreakerSettings, ReasonSettings, Retries, prices
from cali.stages.reason.limits import Circuit, allowed, failed, gave_up, pause, succeeded
from cali.testing.clock import NOON, FakeClock
from cali.testing.model_server import ScriptedModel, explanation
from tests.unit.reason.fakes import incident, reasoner

SETTINGS = BreakerSettings(failures=2, pause=10.0, longest=25.0)
KNOWS = explanation("The flux capacitor lost its phase.", ["L1"])
FLUX = "ERROR flux capacitor lost phase"


def test_a_circuit_opens_tries_one_call_and_closes() -> None:
    circuit = failed(failed(Circuit(), 0, SETTINGS), 1, SETTINGS)
    assert allowed(circuit, 10.9)[1] is False
    trying, first = allowed(circuit, 11)
    assert first
    assert allowed(trying, 12)[1] is False
    assert allowed(succeeded(trying), 12) == (Circuit(), True)


def test_a_trial_that_fails_opens_it_for_twice_as_long_up_to_a_limit() -> None:
    circuit = failed(failed(Circuit(), 0, SETTINGS), 0, SETTINGS)
    now, pauses = 0.0, []
    for _ in range(4):
        pauses.append(circuit.until - now)
        now = circuit.until
        circuit = failed(allowed(circuit, now)[0], now, SETTINGS)
    assert pauses == [10, 20, 25, 25]


def test_calls_that_were_under_way_when_it_opened_do_not_open_it_for_longer() -> None:
    opened = failed(failed(Circuit(), 0, SETTINGS), 0, SETTINGS)
    assert failed(failed(opened, 0.1, SETTINGS), 0.2, SETTINGS) == opened
    assert failed(opened, 1, SETTINGS, at_least=20).until == 21


def test_a_trial_that_was_not_made_leaves_the_place_to_another() -> None:
    circuit = failed(failed(Circuit(), 0, SETTINGS), 0, SETTINGS)
    trying, _ = allowed(circuit, 10)
    assert allowed(gave_up(trying), 10)[1] is True


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["ok", "fail", "wait"]), max_size=40))
def test_a_circuit_always_lets_a_call_through_in_the_end(steps: list[str]) -> None:
    circuit, now = Circuit(), 0.0
    for step in steps:
        if step == "wait":
            now += 3
            continue
        circuit, may = allowed(circuit, now)
        if may:
            circuit = succeeded(circuit) if step == "ok" else failed(circuit, now, SETTINGS)
    assert allowed(circuit, now + SETTINGS.longest)[1]


@pytest.mark.parametrize(
    ("attempt", "chance", "after", "expected"),
    [
        (1, 1.0, None, 0.5),
        (2, 1.0, None, 1.0),
        (2, 0.5, None, 0.5),
        (3, 1.0, None, None),
        (1, 0.0, 7.0, 7.0),
        (1, 0.0, 60.0, None),
    ],
)
def test_pauses_grow_are_random_and_follow_the_server(
    attempt: int, chance: float, after: float | None, expected: float | None
) -> None:
    assert pause(Retries(attempts=3, first=0.5, longest=20), attempt, chance, after) == expected


def test_a_busy_model_is_asked_again_after_the_time_it_names() -> None:
    clock, model = FakeClock(), ScriptedModel([Retryable("busy", after=4.0), KNOWS])
    found = reasoner(model, clock=clock).diagnose(incident(FLUX))
    assert found.origin is Origin.MODEL
    assert clock.sleeps == [4.25]


def test_a_model_that_asks_for_a_long_wait_is_left_alone() -> None:
    clock, model = FakeClock(), ScriptedModel([Retryable("busy", after=120.0)])
    reason = reasoner(model, clock=clock)
    assert "busy" in reason.diagnose(incident(FLUX)).versions["gate"]
    assert "calls are paused" in reason.diagnose(incident("ERROR other")).versions["gate"]
    assert (len(model.history), clock.sleeps) == (1, [])
    clock.time += 121
    model_again = reason.diagnose(incident("ERROR other"))
    assert len(model.history) == 2
    assert model_again.origin is Origin.NONE


def test_a_model_that_is_down_is_called_a_few_times_for_many_errors() -> None:
    clock, model = FakeClock(), ScriptedModel([Retryable("down")])
    done = reasoner(model, clock=clock).diagnose_all(
        [incident(f"ERROR strange {word}") for word in "abcdefghij"]
    )
    assert 3 <= len(model.history) <= 6  # three failures open it; three other threads may be waiting
    assert all(
        one.diagnosis and one.diagnosis.origin is Origin.NONE and one.diagnosis.evidence for one in done
    )


def test_a_refused_key_is_not_tried_again() -> None:
    model = ScriptedModel([Misconfigured("the key is not valid")])
    reason = reasoner(model)
    assert "the key is not valid" in reason.diagnose(incident(FLUX)).versions["gate"]
    reason.diagnose(incident("ERROR other"))
    assert len(model.history) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "I think it is broken",
        "{}",
        '{"cause": 7}',
        "[]",
        "null",
        Answer('{"understood": tr', 9, 9, False),
        Answer(KNOWS, 9, 9, False),
    ],
)
def test_nonsense_is_asked_for_once_a_day(nonsense: str | Answer) -> None:
    cache, clock, model = AnswersFile(None), FakeClock(), ScriptedModel([nonsense, KNOWS])
    first = reasoner(model, cache=cache, clock=clock).diagnose(incident(FLUX))
    assert first.origin is Origin.NONE
    assert "the model's answer" in first.versions["gate"]
    assert reasoner(model, cache=cache, clock=clock).diagnose(incident(FLUX)) == first
    assert len(model.history) == 1
    clock.time += 86_400
    assert reasoner(model, cache=cache, clock=clock).diagnose(incident(FLUX)).origin is Origin.MODEL
    cache.close()


def test_a_reply_that_is_no_completion_is_not_kept() -> None:
    cache, model = AnswersFile(None), ScriptedModel([Poison("not JSON"), KNOWS])
    assert "not JSON" in reasoner(model, cache=cache).diagnose(incident(FLUX)).versions["gate"]
    assert reasoner(model, cache=cache).diagnose(incident(FLUX)).origin is Origin.MODEL
    cache.close()


def test_a_fenced_answer_is_read() -> None:
    assert reasoner(ScriptedModel([f"```json\n{KNOWS}\n```"])).diagnose(incident(FLUX)).origin is Origin.MODEL


def test_the_budget_of_calls_ends_the_asking_until_tomorrow() -> None:
    cache, clock, model = (
        AnswersFile(None, calls=2),
        FakeClock(),
        ScriptedModel([explanation("", [], understood=False)]),
    )
    reason = reasoner(model, cache=cache, clock=clock)
    found = [reason.diagnose(incident(f"ERROR odd {word}")).versions["gate"] for word in "abc"]
    assert found[2] == "the model's budget for today is exhausted"
    assert len(model.history) == 2
    clock.time += 86_400
    reason.diagnose(incident("ERROR odd c"))
    assert len(model.history) == 3
    cache.close()


def test_the_most_severe_get_what_the_budget_allows() -> None:
    cache, model = AnswersFile(None, calls=1), ScriptedModel([KNOWS])
    one_by_one = ReasonSettings(threads=1)
    done = reasoner(model, cache=cache, settings=one_by_one).diagnose_all(
        [incident("WARN odd", severity=Severity.WARNING), incident(FLUX, severity=Severity.CRITICAL)]
    )
    assert [one.diagnosis.origin for one in done if one.diagnosis] == [Origin.NONE, Origin.MODEL]
    cache.close()


def test_the_budget_of_dollars_counts_what_was_really_used() -> None:
    cache = AnswersFile(None, dollars=0.01)
    model = ScriptedModel([Answer(KNOWS, 1000, 100)], name="gpt-4o-mini")
    reason = reasoner(model, cache=cache)
    reason.diagnose(incident(FLUX))
    dollars = (1000 * 0.15 + 100 * 0.60) / 1e6
    assert reason.spend.dollars == pytest.approx(dollars)
    calls, spent = cache.spent("2026-11-20")
    assert calls == 1
    assert spent == pytest.approx(dollars)
    cache.close()


def test_prices_are_known_by_name_and_by_dated_release() -> None:
    table = prices()
    assert table.dollars("gpt-4.1-mini-2025-04-14", 1_000_000, 0) == pytest.approx(0.40)
    assert table.dollars("gpt-5-nano", 0, 1_000_000) == pytest.approx(0.40)
    assert not table.knows("gpt-5-pro")
    assert table.dollars("llama3", 10**9, 10**9) == 0.0


def test_a_breaker_is_shared_by_what_uses_it() -> None:
    breaker = Breaker(SETTINGS)
    breaker.failed(NOON)
    breaker.failed(NOON)
    model = ScriptedModel([KNOWS])
    found = reasoner(model, breaker=breaker).diagnose(incident(FLUX))
    assert "calls are paused" in found.versions["gate"]
    assert model.history == []

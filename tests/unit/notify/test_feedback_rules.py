"""The effect of feedback, and the incidents that it suppresses."""

from __future__ import annotations

from itertools import permutations

import pytest

from cali.adapters.memory.alerts import MemoryFeedback
from cali.core.errors import Retryable
from cali.core.life import Feedback, Verdict
from cali.core.models import Scope
from cali.stages.notify.feedback_rules import Suppressions, summarise


def record(verdict: Verdict, by: str = "anna", at: float = 1.0, **about: str) -> Feedback:
    given = {"incident": "i1", "cause": "", "entry": "disk-full", **about}
    scope = Scope("prod", "shop", "orders", "api")
    return Feedback(
        f"{by}-{at}",
        given["incident"],
        verdict,
        by,
        at,
        "f1",
        "boom <*>",
        scope,
        given["cause"],
        given["entry"],
    )


@pytest.mark.parametrize(
    ("verdict", "scores"),
    [(Verdict.RIGHT, {"disk-full": 1}), (Verdict.WRONG, {"disk-full": -1}), (Verdict.NOT_AN_ERROR, {})],
)
def test_a_verdict_counts_for_or_against_the_entry_it_names(verdict: Verdict, scores: dict[str, int]):
    assert summarise([record(verdict)]).scores == scores
    assert summarise([record(verdict, entry="")]).scores == {}


def test_of_one_person_and_incident_the_latest_verdict_counts_in_whatever_order():
    records = [
        record(Verdict.RIGHT, at=1.0),
        record(Verdict.WRONG, at=2.0),
        record(Verdict.RIGHT, by="bob", at=1.5),
        record(Verdict.RIGHT, at=3.0, incident="i2"),
    ]

    for order in permutations(records):
        assert summarise(order).scores == {"disk-full": 1}


def test_only_a_wrong_verdict_gives_a_cause_and_each_cause_once():
    records = [
        record(Verdict.WRONG, cause="the quota"),
        record(Verdict.WRONG, by="bob", cause="the quota"),
        record(Verdict.WRONG, by="carl"),
        record(Verdict.RIGHT, by="dora", cause="a remark"),
    ]

    assert summarise(records).causes == (("boom <*>", "the quota"),)


def test_suppressions_are_read_again_after_a_minute_and_stay_when_the_store_is_away():
    store, time = MemoryFeedback(), [0.0]
    warnings: list[str] = []
    suppressions = Suppressions(store, lambda: time[0], warnings.append)

    assert "i1" not in suppressions
    store.put(record(Verdict.NOT_AN_ERROR))
    time[0] = 59.9
    assert "i1" not in suppressions
    time[0] = 60.0
    assert "i1" in suppressions

    class Away(MemoryFeedback):
        def suppressed(self) -> frozenset[str]:
            raise Retryable("no route")

    away = Suppressions(Away(), lambda: time[0], warnings.append)
    assert "i1" not in away
    assert warnings == ["suppressions: no route"]

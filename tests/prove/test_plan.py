"""The plan of faults, the judgement and the report, without a cloud."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cali.core.errors import Misconfigured
from tests.cloud.observe import Seen, Summary
from tests.prove.judge import Injured, Ran, growth, promises, recovered
from tests.prove.ledger import Digest
from tests.prove.plan import KINDS, Injection, planned
from tests.prove.report import page
from tests.prove.sample import Lag, Memory

DONE = Summary(
    put=100,
    poison=0,
    incidents={"a": Seen("t <*>", "c/n/w/x", "error", 3)},
    alerts=[],
    quarantined={},
    model_calls=1,
    model_questions=1,
    latencies=[1.0],
    iterator_age=1.0,
    longest_batch=1.0,
    dropped=0,
    unread=0,
    told={"a"},
    counts={"firehose indexed": 90, "firehose dropped": 8},
)
LAG = [Lag(float(at), at * 10, at * 10, 9.0 if 10 <= at < 15 else 0.5, {"diagnose": 0}) for at in range(60)]
FLAT = [Memory(float(at), "analyze", 1, 60.0) for at in range(200)]
RAN = Ran(
    seed=1,
    seconds=60.0,
    rate=10.0,
    planned=[Injection("poison", 5.0, 9.0)],
    injured=[recovered(Injured("poison", "", 5.0, 9.0), LAG)],
    summary=DONE,
    expected={"a": Seen("t <*>", "c/n/w/x", "error", 3)},
    put=Digest().plus(b"one\n").plus(b"two"),
    raw=Digest().plus(b"two\none\n"),
    failed_to_search=2,
    memory=FLAT,
    lag=LAG,
)


def broken(ran: Ran) -> list[str]:
    return [one.name for one in promises(ran) if not one.kept]


def test_the_same_seed_gives_the_same_faults_and_no_part_breaks_twice_at_once() -> None:
    plan = planned(4, 600.0, 30)

    assert plan == planned(4, 600.0, 30) != planned(5, 600.0, 30)
    assert len(plan) == 30
    assert {one.kind for one in plan} == KINDS.keys()
    assert all(0 <= one.at < one.until <= 600 * 0.95 for one in plan)
    for one in plan:
        others = [other for other in plan if other is not one and other.part == one.part]
        assert all(other.until < one.at or one.until < other.at for other in others)


def test_a_fault_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Misconfigured, match="fire"):
        planned(1, 60.0, 1, ["fire"])


def test_a_run_in_which_nothing_was_lost_keeps_every_promise() -> None:
    assert broken(RAN) == []


@pytest.mark.parametrize(
    ("changed", "promise"),
    [
        ({"unread": 1}, "every record is read"),
        ({"waiting": 1}, "every record is read"),
        ({"poison": 1}, "all poison is in quarantine, and nothing else"),
        ({"told": ()}, "every incident was told"),
        ({"incidents": {"a": Seen("t <*>", "c/n/w/x", "error", 4)}}, "incidents are those of an undisturbed replay"),
        ({"counts": {}}, "every record is searchable, dropped by rule, or kept as failed"),
    ],
)  # fmt: skip
def test_what_is_lost_breaks_its_promise(changed: dict[str, object], promise: str) -> None:
    assert broken(replace(RAN, summary=replace(DONE, **changed)))[0] == promise  # type: ignore[arg-type]


def test_a_record_that_is_twice_in_raw_or_not_there_is_noticed() -> None:
    for raw in (Digest().plus(b"one"), Digest().plus(b"one\none"), Digest().plus(b"one\ntwo\ntwo")):
        assert broken(replace(RAN, raw=raw)) == ["every record is in raw/, once"]


def test_recovery_is_counted_from_the_end_of_the_fault() -> None:
    assert recovered(Injured("poison", "", 8.0, 12.0), LAG).recovered == 3.0
    assert recovered(Injured("poison", "", 8.0, 70.0), LAG).recovered is None


def test_memory_that_grows_is_told_from_memory_that_is_flat() -> None:
    growing = [Memory(float(at), "analyze", 1, 150.0 + at / 2) for at in range(200)]
    stepped = [Memory(float(at), "analyze", 1, 230.0 if at < 130 else 250.0) for at in range(200)]
    filling = [Memory(float(at), "analyze", 1, 60.0 + at / 20) for at in range(200)]

    assert growth(FLAT)[0].flat is True
    assert growth(stepped)[0].flat is True  # an import
    assert growth(filling)[0].flat is True  # below the size of full caches
    assert growth(growing)[0].flat is False
    assert growth(growing[:50])[0].flat is None  # it did not live long enough
    assert broken(replace(RAN, memory=growing)) == ["memory is flat, or below what full memos take"]


def test_the_report_says_what_was_done_and_needs_nothing_from_elsewhere() -> None:
    whole = page(RAN)
    bad = page(replace(RAN, summary=replace(DONE, unread=7)))

    assert "every promise was kept" in whole
    assert "One record in twenty".lower() in whole.lower()
    assert "1 of 10 promises were broken" in bad
    assert "http" not in whole

"""The life of an incident. Redelivery, reordering and overlap change nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.detect.events import CRITICAL, ERROR, WARNING, incident

from cali.adapters.memory.incidents import MemoryIncidents
from cali.core.errors import Conflict, Poison
from cali.core.life import Change, ChangeKind, StoredIncident
from cali.core.models import Diagnosis, Evidence, Origin, Severity, Status
from cali.stages.detect import (
    LifePolicy,
    Outcome,
    Sighting,
    advance,
    diagnose,
    mute,
    resolve,
    sent,
    sweep,
)
from cali.stages.detect.incident_json import dumps, loads
from cali.stages.detect.lifecycle import SAMPLES, UNSENT
from cali.stages.detect.positions import SOURCES, SPANS

HOUR = 3600.0
POLICY = LifePolicy(quiet_after=600.0)
BECAUSE = Diagnosis(Origin.KNOWLEDGE, (Evidence(1, "boom"),), cause="why", confidence=0.9)


def seen(
    start: int,
    end: int,
    positions: Iterable[int] | None = None,
    source: str = "shard-0",
    time: float | None = None,
    severity: Severity = ERROR,
) -> Sighting:
    at = tuple((p, 1) for p in (range(start, end + 1) if positions is None else positions))
    return Sighting(incident("boom", "orders", time, severity=severity, line=start), source, start, end, at)


def opened(time: float = 100.0) -> StoredIncident:
    return advance(None, seen(1, 5, time=time), time, POLICY).stored


def kinds(outcome: Outcome) -> list[ChangeKind]:
    return [change.kind for change in outcome.events]


def test_the_first_sighting_opens():
    outcome = advance(None, seen(1, 5, (2, 3)), 100.0, POLICY)
    (change,) = outcome.events
    assert (change.kind, change.number, change.count, change.at) == (ChangeKind.OPENED, 1, 2, 100.0)
    assert outcome.stored.incident.status == Status.OPENED
    assert outcome.stored.incident.count == 2


def test_the_same_batch_again_changes_nothing_at_all():
    stored = opened()
    again = advance(stored, seen(1, 5, time=100.0), 9_000.0, POLICY)
    assert again.stored == stored
    assert again.events == ()


def test_batches_that_overlap_count_each_event_once():
    stored = opened()
    stored = advance(stored, seen(4, 9, time=101.0), 101.0, POLICY).stored
    assert stored.incident.count == 9
    stored = advance(stored, seen(1, 20, (2, 8, 15), time=102.0), 102.0, POLICY).stored
    assert stored.incident.count == 10
    other = advance(stored, seen(1, 5, source="shard-1", time=103.0), 103.0, POLICY).stored
    assert other.incident.count == 15


def test_several_events_at_one_position_count_as_many():
    sighting = replace(seen(1, 1), positions=((1, 40),))
    assert advance(None, sighting, 0.0).stored.incident.count == 40


def test_a_worse_sighting_escalates_once():
    stored = opened()
    worse = advance(stored, seen(6, 9, time=110.0, severity=CRITICAL), 110.0, POLICY)
    assert kinds(worse) == [ChangeKind.ESCALATED]
    assert worse.events[0].severity == CRITICAL
    again = advance(worse.stored, seen(10, 12, time=111.0, severity=CRITICAL), 111.0, POLICY)
    milder = advance(again.stored, seen(13, 14, time=112.0, severity=WARNING), 112.0, POLICY)
    assert kinds(again) == kinds(milder) == []
    assert milder.stored.incident.severity == CRITICAL


def test_silence_makes_it_quiet_and_news_makes_it_recur():
    stored = diagnose(opened(), BECAUSE, 101.0).stored
    assert sweep(stored, 100.0 + 599, POLICY).events == ()
    quiet = sweep(stored, 100.0 + 600, POLICY)
    assert kinds(quiet) == [ChangeKind.QUIET]
    assert sweep(quiet.stored, 9e9, POLICY).events == ()
    back = advance(quiet.stored, seen(6, 7, time=900.0), 900.0, POLICY)
    assert kinds(back) == [ChangeKind.RECURRED]
    assert back.stored.incident.status == Status.DIAGNOSED


def test_a_late_batch_counts_and_wakes_nothing():
    stored = advance(opened(), seen(20, 25, time=200.0), 200.0, POLICY).stored
    quiet = sweep(stored, 900.0, POLICY).stored
    late = advance(quiet, seen(10, 12, time=150.0), 901.0, POLICY)
    assert late.events == ()
    assert late.stored.incident.status == Status.QUIET
    assert late.stored.incident.count == quiet.incident.count + 3


@pytest.mark.parametrize("wrong", [HOUR * 24, 253_402_387_139.0, -62_135_683_140.0])
def test_a_clock_that_is_wrong_lets_an_incident_wake_all_the_same(wrong: float):
    # Given a line with a time of tomorrow, or outside the calendar, then silence, then another event
    stored = advance(None, seen(1, 5, time=wrong), 100.0, POLICY).stored
    quiet = sweep(stored, 100.0 + HOUR, POLICY).stored
    back = advance(quiet, seen(6, 9, time=200.0 + HOUR), 200.0 + HOUR, POLICY)
    # Then it recurs, and its times are those of its arrival
    assert kinds(back) == [ChangeKind.RECURRED]
    assert (back.stored.incident.first_seen, back.stored.incident.last_seen) == (100.0, 200.0 + HOUR)


def test_what_comes_and_goes_changes_less_and_less_often():
    stored, now, position, changes = opened(0.0), 0.0, 6, 0
    while now < 24 * HOUR:  # one error every 11 minutes; quiet after 10
        now += 60.0
        changes += len((swept := sweep(stored, now, POLICY)).events)
        stored = swept.stored
        if now % 660 == 0:
            outcome = advance(stored, seen(position, position, time=now), now, POLICY)
            changes, stored, position = changes + len(outcome.events), outcome.stored, position + 1
    assert changes <= 2
    assert stored.incident.count == position - 1


def test_who_resolves_hears_of_a_regression_and_not_of_old_lines():
    stored = resolve(opened(), 500.0, "ann").stored
    assert kinds(resolve(stored, 501.0)) == []
    old = advance(stored, seen(6, 8, time=490.0), 700.0, POLICY)
    shutting = advance(old.stored, seen(9, 9, time=530.0), 701.0, POLICY)
    assert kinds(old) == kinds(shutting) == []
    assert shutting.stored.incident.status == Status.RESOLVED
    again = advance(shutting.stored, seen(10, 12, time=800.0), 801.0, POLICY)
    assert kinds(again) == [ChangeKind.REGRESSED]
    assert again.stored.incident.status == Status.REGRESSED
    assert kinds(sweep(again.stored, 801.0 + 600, POLICY)) == [ChangeKind.QUIET]


def test_a_resolved_one_does_not_go_quiet():
    assert sweep(resolve(opened(), 500.0).stored, 9e9, POLICY).events == ()


def test_a_mute_counts_and_says_nothing_until_it_is_over():
    muted = mute(opened(), 110.0, 1_000.0, "ann")
    assert [(change.kind, change.by, change.until) for change in muted.events] == [
        (ChangeKind.MUTED, "ann", 1_000.0)
    ]
    assert mute(muted.stored, 111.0, 1_000.0).events == ()
    during = advance(muted.stored, seen(6, 8, time=500.0, severity=CRITICAL), 500.0, POLICY)
    assert during.events == ()
    assert during.stored.incident.count == 8
    assert sweep(during.stored, 999.0, POLICY).events == ()
    after = advance(during.stored, seen(9, 9, time=1_001.0), 1_001.0, POLICY)
    assert kinds(after) == [ChangeKind.RECURRED]
    assert after.stored.incident.status == Status.OPENED


def test_a_mute_that_is_over_goes_quiet_and_one_for_ever_does_not():
    assert kinds(sweep(mute(opened(), 110.0, 1_000.0).stored, 1_000.0, POLICY)) == [ChangeKind.QUIET]
    assert sweep(mute(opened(), 110.0, None).stored, 9e9, POLICY).events == ()
    for_ever = mute(opened(), 110.0, None).stored
    assert advance(for_ever, seen(6, 9, time=9e8), 9e8, POLICY).events == ()


def test_a_diagnosis_is_told_once():
    outcome = diagnose(opened(), BECAUSE, 101.0)
    assert kinds(outcome) == [ChangeKind.DIAGNOSED]
    assert outcome.stored.incident.status == Status.DIAGNOSED
    assert diagnose(outcome.stored, BECAUSE, 102.0).events == ()
    quiet = sweep(opened(), 9e9, POLICY).stored
    assert diagnose(quiet, BECAUSE, 9e9).stored.incident.status == Status.QUIET


def test_changes_wait_until_they_are_sent():
    stored = diagnose(opened(), BECAUSE, 101.0).stored
    assert [change.number for change in stored.unsent] == [1, 2]
    assert [change.number for change in sent(stored, 1).unsent] == [2]
    assert sent(stored, 2).unsent == ()
    redelivered = advance(stored, seen(1, 5, time=100.0), 200.0, POLICY)
    assert len(redelivered.stored.unsent) == 2


def test_what_waits_is_bounded_and_keeps_the_opening():
    stored = opened()
    for n in range(100):
        stored = mute(stored, 200.0 + n, 1_000.0 + n).stored
    assert len(stored.unsent) == UNSENT
    assert (stored.unsent[0].kind, stored.unsent[-1].number) == (ChangeKind.OPENED, 101)


batches = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 60), st.integers(0, 12)),
    min_size=1,
    max_size=14,
)


def _sighting(source: str, start: int, length: int) -> Sighting | None:
    """Return a batch of a source in which each third position holds an event, so that positions determine the
    content."""
    end = start + length
    at = [p for p in range(start, end + 1) if p % 3 == 0]
    if not at:
        return None
    severity = max(CRITICAL if p % 21 == 0 else ERROR if p % 6 == 0 else WARNING for p in at)
    one = seen(start, end, at, source, severity=severity)
    return replace(
        one, incident=replace(one.incident, first_seen=1_000.0 + at[0], last_seen=1_000.0 + at[-1])
    )


@given(batches, st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_any_order_overlap_and_duplication_gives_the_same_count_and_each_change_once(rows, chance):
    given = [one for row in rows if (one := _sighting(*row))]
    expected = {(one.source, p) for one in given for p, _ in one.positions}
    for _ in range(3):
        delivered = given * chance.randint(1, 3)
        chance.shuffle(delivered)
        delivered += given  # every batch at least once, in any order
        stored: Any = None
        changes: list[Change] = []
        for now, one in enumerate(delivered):
            outcome = advance(stored, one, 2_000.0 + now, POLICY)
            stored = outcome.stored
            changes += outcome.events
        if not given:
            continue
        assert stored.incident.count == len(expected)
        assert stored.incident.severity == max(one.incident.severity for one in given)
        assert stored.incident.first_seen == min(one.incident.first_seen or 0 for one in given)
        assert stored.incident.last_seen == max(one.incident.last_seen or 0 for one in given)
        told = Counter((change.kind, change.severity) for change in changes)
        assert max(told.values()) == 1
        assert [change.kind for change in changes].count(ChangeKind.OPENED) == 1
        assert {change.kind for change in changes} <= {ChangeKind.OPENED, ChangeKind.ESCALATED}
        assert [change.number for change in changes] == list(range(1, len(changes) + 1))
        assert loads(dumps(stored), 0) == stored


def test_the_state_is_bounded_and_counts_too_little_rather_than_too_much():
    stored: Any = None
    order = list(range(0, 4_000, 10))
    order = order[::2] + order[1::2]  # half of all batches far too late
    for place in order * 2:
        stored = advance(stored, seen(place, place + 4, (place,), time=float(place)), float(place)).stored
    (read,) = stored.reads
    assert len(read.spans) <= SPANS
    assert 200 <= stored.incident.count <= 400
    for n in range(3 * SOURCES):
        stored = advance(stored, seen(1, 2, source=f"s{n}", time=9e3), 1e4 + n).stored
    assert len(stored.reads) == SOURCES
    assert len(stored.incident.samples) <= SAMPLES
    assert len(dumps(stored)) < 60_000


def test_batches_in_order_are_exact_however_many():
    stored: Any = None
    for place in range(0, 5_000, 10):
        for _ in range(2):
            stored = advance(
                stored, seen(place, place + 4, (place, place + 2), time=float(place)), float(place)
            ).stored
    assert stored.incident.count == 1_000


def test_two_workers_on_one_store_count_everything_once():
    store = MemoryIncidents()
    theirs = [seen(n * 10, n * 10 + 9, source="shard-0", time=1.0 + n) for n in range(6)]
    name, conflicts = theirs[0].incident.id, 0
    for mine, other in zip(theirs, reversed(theirs), strict=True):
        stale = store.get(name)
        store.put(advance(stale, other, 50.0).stored)
        try:
            store.put(advance(stale, mine, 50.0).stored)
        except Conflict:
            conflicts += 1
            store.put(advance(store.get(name), mine, 50.0).stored)
    kept = store.get(name)
    assert conflicts == 6
    assert kept is not None
    assert (kept.incident.count, [change.kind for change in kept.unsent]) == (60, [ChangeKind.OPENED])


def test_json_is_plain_and_damage_is_poison():
    stored = opened()
    text = dumps(stored)
    assert '"workload":"orders"' in text
    assert "\n" not in text
    assert loads(text, 7) == replace(stored, version=7)
    for damage in ("", "{}", "[1]", text[:-2], text.replace('"opened"', '"asleep"')):
        with pytest.raises(Poison, match="not a stored incident"):
            loads(damage, 1)

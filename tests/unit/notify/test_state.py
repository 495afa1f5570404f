"""The stored state of an alert: small JSON that survives a round trip, and changes that count once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.errors import Poison
from cali.core.life import Change, ChangeKind
from cali.core.models import Severity
from cali.stages.notify import digest
from cali.stages.notify.content import IncidentRef
from cali.stages.notify.decide import REPLIES, record_change
from cali.stages.notify.rules import Destination, Storm
from cali.stages.notify.state import AlertState, SentState, ThreadLine, dumps, loads, with_change, with_count
from cali.stages.notify.words import words


def change(number: int, kind: ChangeKind = ChangeKind.ESCALATED) -> Change:
    return Change("i", number, kind, float(number), Severity.ERROR, 1)


def test_it_is_read_back_as_it_was_written():
    told = SentState(
        ref="C 1",
        waiting=(ThreadLine("2", "escalated", "Änna", 6, 3, "x", broadcast=True),),
        trying="k",
        tried_at=2.5,
    )
    state = AlertState(
        3, (5,), 2, "escalated", "bo", 1.5, {"a b": told}, (IncidentRef("f", "t", "s", 6),), ((1.0, 2),), 9.5
    )

    assert loads(dumps(state)) == state
    assert dumps(AlertState()) == "{}"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"floor": "x"}', '{"told": {"a": 3}}'])
def test_what_is_no_state_is_poison(text: str):
    with pytest.raises(Poison):
        loads(text)
    with pytest.raises(Poison):
        digest.loads(text)


@settings(max_examples=60)
@given(st.permutations(range(1, 12)), st.lists(st.integers(1, 11), max_size=8))
def test_changes_are_heard_once_in_any_order(order: list[int], again: list[int]):
    state = AlertState()
    for number in [*order, *again]:
        state = with_change(state, number)

    assert (state.floor, state.above) == (11, ())
    assert all(state.has(number) for number in order)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from(list(ChangeKind))), max_size=60))
def test_no_sequence_of_changes_queues_more_than_a_thread_may_hold(changes: list[tuple[int, ChangeKind]]):
    state = AlertState(sent={"t": SentState(ref="C 1", posts=1)})
    regressions = 0
    for number, kind in changes:
        regressions += kind in (ChangeKind.REGRESSED, ChangeKind.RECURRED)
        state = record_change(state, change(number, kind))

    assert len(state.of("t").waiting) <= REPLIES + regressions
    assert len({line.key for line in state.of("t").waiting}) == len(state.of("t").waiting)


def test_the_trend_remembers_ten_minutes():
    state = AlertState()
    for second in range(0, 3_600, 7):
        state = with_count(state, float(second), second)

    assert len(state.points) <= 11
    assert state.points[0][0] >= 3_600 - 7 - 600


def test_a_digest_asked_again_gives_the_same_answer():
    book = digest.empty_digest("storm", Destination("s"))
    verdicts = []
    for name in [*"abcdef", *"abcdef"]:
        book, admitted = digest.admit(book, IncidentRef(name, name, ""), 100.0, Storm(3, 60))
        verdicts.append(admitted)

    assert verdicts == [True, True, True, False, False, False] * 2
    assert (book.total, digest.loads(digest.dumps(book))) == (3, book)


def test_languages_have_the_same_words():
    english, korean = words("en"), words("ko-KR")

    assert english.keys() == korean.keys()
    values = dict.fromkeys(
        ("name", "count", "more", "minutes", "entry", "id", "severity", "title", "limit", "seconds"), "7"
    )
    for key in sorted(english.keys()):
        assert ("7" in english(key, **values)) == ("7" in korean(key, **values)), key

"""The events that open an incident, those that do not, and the bounds of memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.detect.events import CRITICAL, ERROR, INFO, WARNING, at, event

from cali.core.models import NOWHERE, Event, Incident, Severity
from cali.stages.detect import Detector, DetectPolicy, incident_id
from cali.stages.detect.tracker import shortened


def nothing(event: Event) -> Severity | None:
    return None


def always(event: Event) -> Severity | None:
    return ERROR


def found(
    *events: Event,
    raises: Callable[[Event], Severity | None] = nothing,
    policy: DetectPolicy | None = None,
) -> list[Incident]:
    detector = Detector(raises, policy)
    for one in events:
        detector.observe(one)
    return detector.incidents()


@pytest.mark.parametrize("severity", [ERROR, CRITICAL])
@pytest.mark.parametrize("levelled", [True, False])
def test_an_error_opens_an_incident(severity, levelled):
    (one,) = found(event("boom", severity, levelled=levelled, line=7, time=5.0))
    assert (one.title, one.severity, one.count, one.first_line, one.first_seen) == (
        "boom",
        severity,
        1,
        7,
        5.0,
    )


def test_a_warning_opens_one_only_if_it_is_a_known_error():
    assert found(event("slow", WARNING)) == []
    (one,) = found(event("slow", WARNING), raises=lambda _: CRITICAL)
    assert one.severity == CRITICAL


@pytest.mark.parametrize("severity", [Severity.TRACE, Severity.DEBUG])
def test_a_debug_line_opens_none(severity):
    assert found(event("panic: everything failed", severity), raises=always) == []


@pytest.mark.parametrize("severity", [INFO, Severity.NOTICE])
def test_an_info_line_opens_one_only_if_it_is_a_known_error(severity):
    assert found(event("server process was terminated by signal 9", severity)) == []
    assert len(found(event("server process was terminated by signal 9", severity), raises=always)) == 1


def test_words_that_say_nothing_open_one_if_it_is_a_known_error():
    given = event("rpc error: code = ResourceExhausted", INFO, levelled=False)
    assert found(given) == []
    assert len(found(given, raises=always)) == 1


def test_knowledge_is_asked_once_for_each_template_level_and_severity():
    asked: list[tuple[str, bool, Severity]] = []

    def note(event: Event) -> None:
        asked.append((event.template.id, event.levelled, event.severity))

    detector = Detector(note)
    for _ in range(3):
        for severity in Severity:
            for levelled in (True, False):
                for text in ("one", "two"):
                    detector.observe(event(text, severity, levelled=levelled))
    assert (
        len(asked) == len(set(asked)) == 2 * (3 + 5)
    )  # levelled INFO to WARNING; not levelled up to WARNING


def test_one_incident_for_each_scope_and_fingerprint():
    same = [
        event(f"user {n} failed", kind="user <*> failed", line=n, time=float(n), scope=at("auth"))
        for n in (3, 9, 5)
    ]
    first, second = found(*same, event("user 1 failed", kind="user <*> failed", line=20, scope=at("orders")))
    assert (first.count, first.first_line, first.last_line, first.first_seen, first.last_seen) == (
        3,
        3,
        9,
        3.0,
        9.0,
    )
    assert first.id == incident_id(at("auth"), same[0].template.id) != second.id
    assert len(first.id) == 16


def test_the_severity_is_the_worst_of_its_events():
    (one,) = found(*(event("x", severity, kind="x") for severity in (ERROR, CRITICAL, ERROR)))
    assert one.severity == CRITICAL


def test_the_title_of_a_trace_is_its_exception():
    trace = (
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nValueError: no such tariff'
    )
    (one,) = found(event(trace))
    assert one.title == "ValueError: no such tariff"
    java = "Request failed\njava.lang.RuntimeException: wrapped\n\tat a.B.c(B.java:1)\nCaused by: java.net.ConnectException: Connection refused\n\tat a.D.e(D.java:2)"
    assert found(event(java))[0].title == "java.net.ConnectException: Connection refused"
    go = "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d"
    assert found(event(go))[0].title == "panic: runtime error: index out of range [5] with length 3"


def test_a_long_title_is_cut_between_words():
    (one,) = found(event("could not " + "process the order " * 20))
    assert len(one.title) <= 100
    assert one.title.endswith(" the…")


def test_of_several_lines_the_one_that_is_bad_is_the_title():
    (one,) = found(event("report of the run\n  step one done\n  step two failed: no such bucket"))
    assert one.title == "step two failed: no such bucket"


# recovery

LOST = "connection to redis lost, retrying in 2s"


@pytest.mark.parametrize(
    ("trouble", "success"),
    [
        (LOST, "reconnected"),
        (LOST, "Reconnected to redis after 3 attempts"),
        ("connection to cache lost, retrying", "connection to redis re-established"),
        ("dial tcp orders:80: connection refused, retrying", "connected to orders"),
        ("upload part failed, attempt 2 of 5", "upload succeeded on attempt 3"),
        ("request throttled, will retry", "retry succeeded"),
        ("disk pressure on volume data", "volume data recovered"),
    ],
)
def test_a_warning_of_what_then_worked_is_dropped(trouble, success):
    assert found(event(trouble, WARNING), event(success, INFO, line=2), raises=always) == []


@pytest.mark.parametrize(
    ("trouble", "success"),
    [
        (LOST, "reconnected to postgres"),
        ("payment lookup failed, attempt 2 of 5", "upload succeeded on attempt 3"),
        (LOST, "could not say that it reconnected"),
        (LOST, "waiting until reconnected"),
        ("deprecated option x", "reconnected"),
        (LOST, "order 5 shipped"),
    ],
)
def test_another_success_does_not_undo_a_warning(trouble, success):
    def raises(given: Event) -> Severity | None:
        return CRITICAL if given.severity == WARNING else None

    assert len(found(event(trouble, WARNING), event(success, INFO), raises=raises)) == 1


def test_an_error_is_never_undone():
    given = [event(LOST, ERROR), event("reconnected to redis", INFO)]
    assert len(found(*given)) == 1
    mixed = [
        event(LOST, WARNING, kind="x"),
        event(LOST, ERROR, kind="x"),
        event("reconnected to redis", INFO),
    ]
    assert len(found(*mixed, raises=always)) == 1


def test_a_success_elsewhere_or_before_undoes_nothing():
    trouble = event(LOST, WARNING, scope=at("orders"))
    success = event("reconnected to redis", INFO, scope=at("carts"))
    assert len(found(trouble, success, raises=always)) == 1
    assert len(found(success._replace(scope=at("orders")), trouble, raises=always)) == 1


def test_one_success_does_not_undo_a_long_trouble():
    given = [event(LOST, WARNING, line=n) for n in range(1, 50)]
    assert len(found(*given, event("reconnected to redis", INFO, line=60), raises=always)) == 1


# bounds


def test_samples_are_the_first_the_last_and_distinct_ones_between():
    messages = ["a 1", "a 2", "b x", "a 3", "c y", "d z", "e w", "f last"]
    (one,) = found(*(event(text, kind="k", line=n) for n, text in enumerate(messages, 1)))
    assert [sample.message for sample in one.samples] == ["a 1", "b x", "c y", "d z", "f last"]
    (two,) = found(event("a", kind="k"), event("a", kind="k", line=2))
    assert [sample.lines for sample in two.samples] == [(1,), (2,)]
    (alone,) = found(event("a"))
    assert len(alone.samples) == 1


def test_a_long_message_keeps_its_ends_and_their_line_numbers():
    text = "\n".join(f"row {n} " + "x" * 20 for n in range(1000))
    cut = shortened(event(text, line=1), 3000)
    rows = cut.message.split("\n")
    assert len(cut.message) <= 3000
    assert (rows[0][:6], rows[-1][:8]) == ("row 0 ", "row 999 ")
    assert len(rows) == len(cut.lines)
    assert all(text.split("\n")[line - 1] == row for line, row in zip(cut.lines, rows, strict=True))
    assert shortened(event("short"), 3000) == event("short")


@given(st.lists(st.text("ab\n", max_size=60), max_size=20), st.integers(20, 300))
@settings(max_examples=60)
def test_any_message_is_cut_to_the_bound_with_a_line_for_each_number(texts, chars):
    given = event("\n".join(texts))
    cut = shortened(given, chars)
    assert len(cut.message) <= chars + 1
    assert cut.message.count("\n") + 1 == len(cut.lines)
    assert set(cut.lines) <= set(given.lines)


def test_beyond_the_bound_the_worst_and_most_frequent_stay_and_the_rest_is_counted():
    detector = Detector(nothing, DetectPolicy(incidents=10))
    detector.observe(event("the worst", CRITICAL))
    for n in range(5):
        detector.observe(event("frequent", line=n + 2))
    for n in range(500):
        detector.observe(event(f"noise {'x' * n}", line=n + 10))
    incidents = detector.incidents()
    titles = [one.title for one in incidents]
    assert len(incidents) == 10
    assert "the worst" in titles
    assert "frequent" in titles
    assert sum(one.count for one in incidents) + detector.folded.events == 506
    assert detector.folded.incidents == 492
    assert "492 less severe or rarer incidents (492 events) are not listed" in str(detector.folded)


def test_memory_does_not_grow_with_the_input():
    detector = Detector(always, DetectPolicy(incidents=50, templates=200))

    def feed(start: int, end: int) -> None:
        for n in range(start, end):
            detector.observe(
                event(f"{n} " + "y" * 5_000, (ERROR, WARNING, INFO)[n % 3], line=n + 1, levelled=bool(n % 2))
            )

    feed(0, 1_000)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    feed(1_000, 4_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    # at most twice the bound of incidents, each with one sample; 3,000 whole events would be 15 MB
    assert grown < 1_500_000


def test_positions_are_remembered_for_those_who_ask():
    detector = Detector(nothing, DetectPolicy(positions=3))
    for line in (4, 4, 9, 11, 15, 16):
        detector.observe(event("x", line=line))
    assert detector.positions(NOWHERE, event("x").template.id) == ((4, 2), (9, 1), (11, 3))
    assert detector.positions(at("nobody"), "x") == ()


def test_a_burst_against_its_own_past_is_marked():
    steady = [event("x", time=minute * 60.0 + s) for minute in range(20) for s in range(3)]
    assert not found(*steady)[0].burst
    assert found(*steady, *(event("x", time=1210.0 + n / 10) for n in range(100)))[0].burst


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(list(Severity)), st.booleans()), max_size=80
    )
)
@settings(max_examples=60)
def test_counts_are_exact_whatever_comes(rows):
    events = [
        event(text, severity, levelled=levelled, line=n)
        for n, (text, severity, levelled) in enumerate(rows, 1)
    ]
    errors = [one for one in events if one.severity >= ERROR]
    incidents = found(*events)
    assert sum(one.count for one in incidents) == len(errors)
    assert {one.template.id for one in incidents} == {one.template.id for one in errors}
    for one in incidents:
        mine = [each for each in errors if each.template == one.template]
        assert one.severity == max(each.severity for each in mine)
        assert (one.samples[0], one.samples[-1]) == (mine[0], mine[-1])

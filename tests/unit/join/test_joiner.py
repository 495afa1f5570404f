"""The joiner's promises besides the look of lines: structure, cut lines, order, limits, hand-over."""

from __future__ import annotations

import pytest

from cali.core.errors import Misconfigured
from cali.core.models import Block, Record, Severity
from cali.stages.join import Joiner, Limits, gist, text

DEFAULT = Limits()


def _records(*messages, stream="", first=1, **fields):
    return [
        Record(number, message, stream=stream, **fields) for number, message in enumerate(messages, first)
    ]


def _join(records, limits=DEFAULT):
    joiner = Joiner(limits)
    blocks = [block for record in records for block in joiner.push(record)]
    return blocks + joiner.flush()


def _texts(records, limits=DEFAULT):
    return [text(block) for block in _join(records, limits)]


def _lines(block):
    return [record.line for record in block.records]


# structure


def test_a_severity_of_its_own_makes_an_indented_line_an_event():
    head = Record(1, "cannot start", severity=Severity.ERROR)
    indented = Record(2, "  listening", severity=Severity.INFO)

    assert len(_join([head, indented])) == 2


def test_a_severity_on_a_frame_does_not_take_it_out_of_its_trace():
    head = Record(1, "java.lang.Error: x", severity=Severity.ERROR)
    frame = Record(2, "\tat a.B.c(B.java:1)", severity=Severity.ERROR)

    assert len(_join([head, frame])) == 1


def test_a_time_of_its_own_below_a_head_without_one_makes_an_event():
    head = Record(1, "ERROR cannot start")

    assert len(_join([head, Record(2, "  because", time=5.0)])) == 2
    assert len(_join([head, Record(2, "  because")])) == 1


@pytest.mark.parametrize(
    ("severity", "events"), [(Severity.ERROR, 1), (Severity.WARNING, 1), (Severity.INFO, 2)]
)
def test_an_unindented_trace_belongs_to_a_head_whose_severity_says_trouble(severity, events):
    head = Record(1, "order 7", severity=severity)
    trace = _records(
        "Traceback (most recent call last):", '  File "a.py", line 1, in f', "    f()", "KeyError: 1", first=2
    )

    assert len(_join([head, *trace])) == events


def test_postgres_fields_follow_a_head_whose_prefix_was_taken_off():
    head = Record(1, "duplicate key value violates unique constraint", time=1.0, severity=Severity.ERROR)
    fields = _records(
        "DETAIL:  Key (id)=(5) already exists.", "STATEMENT:  INSERT", "\tVALUES (5)", first=2, time=1.0
    )

    assert len(_join([head, *fields])) == 1
    assert gist(text(_join([head, *fields])[0])) == head.message
    assert len(_join([head._replace(severity=None), fields[0]])) == 2


# cut lines


def test_pieces_of_a_cut_line_are_one_line():
    start, middle = (Record(number, message, partial=True) for number, message in [(1, "abc"), (2, "def")])
    end = Record(3, "ghi")

    assert _texts([start, middle, end, Record(4, "next")]) == ["abcdefghi", "next"]


def test_a_cut_line_inside_a_trace_stays_in_it():
    records = [
        Record(1, "java.lang.Error: x"),
        Record(2, "\tat a.B.c(", partial=True),
        Record(3, "B.java:1)"),
        Record(4, "\t... 2 more"),
        Record(5, "next"),
    ]

    assert _texts(records) == ["java.lang.Error: x\n\tat a.B.c(B.java:1)\n\t... 2 more", "next"]


def test_cut_lines_of_two_streams_do_not_mix():
    records = [
        Record(1, "a1", stream="a", partial=True),
        Record(2, "b1", stream="b", partial=True),
        Record(3, "a2", stream="a"),
        Record(4, "b2", stream="b"),
    ]

    assert _texts(records) == ["a1a2", "b1b2"]


# order


def test_a_block_waits_for_those_that_began_before_it():
    joiner = Joiner()
    slow = Record(1, "panic: x", stream="slow")

    assert joiner.push(slow) == []
    assert [joiner.push(record) for record in _records("one", "two", stream="quick", first=2)] == [[], []]
    assert joiner.push(Record(4, "up", stream="slow")) == [
        Block((slow,)),
        Block((Record(2, "one", stream="quick"),)),
    ]


def test_a_line_comes_out_when_the_next_of_its_stream_arrives():
    joiner = Joiner()
    one, two = _records("one", "two")

    assert joiner.push(one) == []
    assert joiner.push(two) == [Block((one,))]
    assert joiner.flush() == [Block((two,))]
    assert joiner.flush() == []


# limits


def test_a_block_holds_no_more_lines_than_allowed_and_the_rest_stays_together():
    records = _records("java.lang.Error: x", *["\tat a.B.c(B.java:1)"] * 7)

    assert [len(block.records) for block in _join(records, Limits(lines=3))] == [3, 3, 2]


def test_a_block_holds_no_more_bytes_than_allowed():
    records = _records("java.lang.Error: xä", *["\tat a.B.c(B.java:1)"] * 4)

    assert [len(block.records) for block in _join(records, Limits(bytes=20 + 2 * 19))] == [3, 2]
    assert [len(block.records) for block in _join(records, Limits(bytes=20 + 2 * 19 - 1))] == [2, 3]


def test_a_pause_ends_a_block():
    head, near = Record(1, "java.lang.Error: x", time=10.0), Record(2, "\tat a.B.c(B.java:1)", time=14.0)

    assert len(_join([head, near])) == 1
    assert len(_join([head, near._replace(time=15.5)])) == 2


def test_a_quiet_stream_holds_others_back_no_longer_than_the_gap():
    joiner = Joiner(Limits(gap=10))
    joiner.push(Record(1, "quiet", stream="quiet"))

    out = [len(joiner.push(record)) for record in _records(*["x"] * 30, stream="loud", first=2)]

    assert sum(out[:10]) == 0
    assert out[10] == 11
    assert out[11:] == [1] * 19
    assert [_lines(block) for block in joiner.push(Record(40, "\tat a.B(B.java:1)", stream="quiet"))] == []


def test_a_block_quiet_for_longer_than_the_gap_does_not_go_on():
    frame = "\tat a.B(B.java:1)"
    busy = [Record(number, frame, stream="busy") for number in range(3, 14)]
    records = [
        Record(1, "x", stream="busy"),
        Record(2, "y", stream="quiet"),
        *busy,
        Record(14, frame, stream="quiet"),
    ]

    assert [len(block.records) for block in _join(records, Limits(gap=12))] == [12, 2]
    assert [len(block.records) for block in _join(records, Limits(gap=11))] == [12, 1, 1]


def test_bytes_of_a_block_are_counted_across_a_hand_over():
    joiner, limits = Joiner(), Limits(bytes=60)
    for record in _records("java.lang.Error: x", *["\tat a.B.c(B.java:1)"] * 2):
        joiner.push(record)
    joiner = Joiner(limits, pending=joiner.pending())

    blocks = joiner.push(Record(4, "\tat a.B.c(B.java:1)"))

    assert [len(block.records) for block in blocks + joiner.flush()] == [3, 1]


def test_a_block_that_never_stops_growing_is_released_in_the_end():
    joiner = Joiner(Limits(gap=10, lines=1000))
    held = most = 0
    for number in range(0, 600, 2):
        held += 2 - sum(
            len(block.records)
            for record in (
                Record(number, "\tat a.B(B.java:1)", stream="a"),
                Record(number + 1, "x", stream="b"),
            )
            for block in joiner.push(record)
        )
        most = max(most, held)

    assert most <= 8 * 10 + 2


def test_long_records_count_as_several_towards_the_gap():
    joiner = Joiner(Limits(gap=100))
    joiner.push(Record(0, "quiet", stream="quiet"))

    for number in range(1, 50):
        joiner.push(Record(number, "x" * 40960, stream="loud"))

    assert sum(len(block.records) for block in joiner.pending()) <= 100 * 4096 / 40960 + 2


def test_streams_that_ended_are_forgotten():
    joiner = Joiner(Limits(gap=10))

    for number in range(2000):
        joiner.push(Record(number, "x", stream=f"stream-{number}"))

    assert len(joiner._streams) <= 11
    assert len(joiner.pending()) <= 11


def test_brackets_that_never_close_are_bounded():
    records = _records("{", *['  "a": 1,'] * 20)

    assert max(len(block.records) for block in _join(records, Limits(lines=5))) == 5


@pytest.mark.parametrize("name", ["lines", "bytes", "seconds", "gap"])
def test_a_limit_of_zero_is_refused_by_name(name):
    with pytest.raises(Misconfigured, match=name):
        Limits(**{name: 0})


# hand-over


def test_a_trace_continues_in_the_next_batch():
    head, frame, cause, more, other = _records(
        "java.lang.Error: x",
        "\tat a.B.c(B.java:1)",
        "Caused by: java.io.IOException: y",
        "\t... 1 more",
        "next",
    )
    first = Joiner()
    for record in (head, frame):
        first.push(record)

    second = Joiner(pending=first.pending())
    out = [block for record in (cause, more, other) for block in second.push(record)]

    assert out == [Block((head, frame, cause, more))]
    assert second.pending() == (Block((other,)),)


def test_a_cut_line_continues_in_the_next_batch():
    first = Joiner()
    first.push(Record(1, "abc", partial=True))
    second = Joiner(pending=first.pending())
    second.push(Record(2, "def"))

    assert [text(block) for block in second.flush()] == ["abcdef"]


def test_pending_leaves_the_joiner_as_it_was():
    joiner = Joiner()
    joiner.push(Record(1, "one"))

    assert joiner.pending() == joiner.pending() == (Block((Record(1, "one"),)),)
    assert len(joiner.flush()) == 1


# gist


def test_a_single_line_is_its_own_gist():
    line = "  spaced   out "

    assert gist(line) is line


def test_the_gist_of_a_long_document_is_bounded():
    assert len(gist("values:\n" + "  a: 1\n" * 100_000)) <= 2048


def test_two_traces_that_differ_in_frames_only_have_one_gist():
    one = "ERROR x\njava.lang.Error: y\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: z\n\tat d.E.f(E.java:2)"
    other = "ERROR x\njava.lang.Error: y\n\tat g.H.i(H.java:3)\n\tat j.K.l(K.java:4)\nCaused by: java.io.IOException: z\n\t... 9 more"

    assert gist(one) == gist(other) == "ERROR x\njava.lang.Error: y\njava.io.IOException: z"

"""Lines that a runtime cut are decoded once and whole, whatever lies between their pieces, and none is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.models import Quarantined, Record, Severity
from cali.stages.decode import Decoder
from cali.stages.decode.partial_lines import GAP, LINE, OBJECT, STREAMS
from cali.stages.join import Joiner, text

STAMP = "2026-11-20T10:00:00.5Z"


def whole(found: Record | Quarantined | None) -> Record:
    assert isinstance(found, Record)
    return found


def cri(out: str, part: str, said: str, stamp: str = STAMP) -> bytes:
    return f"{stamp} {out} {part} {said}".encode()


def docker(said: str, out: str = "stdout") -> bytes:
    return json.dumps({"log": said, "stream": out, "time": STAMP}).encode()


def records(*lines: bytes) -> list[Record]:
    return decoded(enumerate(lines, 1), Decoder())


def decoded(lines: Iterable[tuple[int, bytes]], decoder: Decoder) -> list[Record]:
    found = [decoder.decode(raw, number) for number, raw in lines] + decoder.rest()
    return [record for record in found if isinstance(record, Record)]


def joined(found: list[Record]) -> list[str]:
    joiner = Joiner()
    blocks = [block for record in found for block in joiner.push(record)] + joiner.flush()
    return [text(block) for block in blocks]


def events(*lines: bytes) -> list[str]:
    return joined(records(*lines))


def test_an_empty_end_ends_the_line():
    # given a line of exactly 16 KiB, whose end the runtime writes as an empty piece
    lines = [cri("stdout", "P", "abc"), cri("stdout", "F", ""), cri("stdout", "F", "next line")]
    # then it is one event, and the next line another
    assert events(*lines) == ["abc", "next line"]


def test_a_word_after_the_cut_is_no_level():
    (record,) = records(
        cri("stdout", "P", "first half of a sentence "), cri("stdout", "F", "ERROR: not a level here")
    )
    assert record.message == "first half of a sentence ERROR: not a level here"
    assert (record.line, record.severity, record.partial) == (1, None, False)


@pytest.mark.parametrize(
    "wrap", ["cri", "docker", "fluent bit", "cri in fluent bit", "fluentd", "fluentd, old"]
)
def test_an_object_is_read_though_it_was_cut(wrap):
    # given an application's object, cut into three
    whole = '{"level":"error","msg":"order lost","err":{"message":"disk is full"}}'
    parts = [whole[:20], whole[20:33], whole[33:]]
    marks = ["P", "P", "F"]
    pod = {"namespace_name": "shop", "pod_name": "cart-0", "container_name": "web"}
    lines: Any = {
        "cri": [cri("stderr", mark, part) for mark, part in zip(marks, parts, strict=True)],
        "docker": [docker(part) for part in (*parts[:2], parts[2] + "\n")],
        "fluent bit": [
            {"date": 1795168800.5, "logtag": mark, "log": part, "stream": "stderr", "kubernetes": pod}
            for mark, part in zip(marks, parts, strict=True)
        ],
        "cri in fluent bit": [
            {"date": 1795168800.5, "log": cri("stderr", mark, part).decode(), "kubernetes": pod}
            for mark, part in zip(marks, parts, strict=True)
        ],
        "fluentd": [
            {"date": 1795168800.5, "log": part, "partial_message": "true", "partial_last": last}
            for part, last in zip(parts, ["false", "false", "true"], strict=True)
        ],
        "fluentd, old": [
            {"date": 1795168800.5, "log": parts[0], "partial_message": "true"},
            {"date": 1795168800.5, "log": parts[1], "partial_message": "true"},
            {"date": 1795168800.5, "log": parts[2]},
        ],
    }[wrap]
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    # when its lines are decoded
    (record,) = records(*raw)
    # then it is read like one line
    assert record.message == "order lost err=disk is full"
    assert record.severity is Severity.ERROR
    assert (record.line, record.time, record.partial) == (1, 1795168800.5, False)


def test_lines_of_other_streams_come_between_the_pieces():
    found = records(
        cri("stdout", "P", "one "),
        cri("stderr", "P", "WARN: two "),
        cri("stdout", "P", "and "),
        cri("stderr", "F", "and a half"),
        cri("stdout", "F", "more"),
    )
    assert [(each.line, each.message, each.stream) for each in found] == [
        (2, "two and a half", "stderr"),
        (1, "one and more", "stdout"),
    ]


def test_a_character_that_was_cut_in_two_is_whole_again():
    raw = "née".encode()
    (record,) = records(
        b"%s stdout P %s" % (STAMP.encode(), raw[:2]), b"%s stdout F %s" % (STAMP.encode(), raw[2:])
    )
    assert record.message == "née"


def test_what_is_left_at_the_end_is_given_out_as_partial():
    decoder = Decoder()
    assert decoder.decode(cri("stderr", "P", "ERROR disk "), 4) is None
    assert decoder.decode(cri("stderr", "P", "is"), 5) is None
    left, *none = map(whole, decoder.rest())
    assert none == []
    assert (left.line, left.message, left.severity, left.partial) == (4, "disk is", Severity.ERROR, True)
    assert decoder.rest() == []


def test_only_what_has_waited_is_given_out_when_asked_for():
    decoder = Decoder()
    decoder.decode(cri("stderr", "P", "old"), 1)
    decoder.decode(cri("stdout", "P", "new"), 2)
    assert [whole(left).message for left in decoder.rest(1)] == ["old"]
    assert whole(decoder.decode(cri("stdout", "F", "er"), 3)).message == "newer"


def test_a_line_that_never_ends_is_given_out_in_bounded_parts_and_none_of_it_is_lost():
    # given two megabytes in one line without an end
    parts = [f"{number:04d}" + "x" * 16_380 for number in range(128)]
    found = records(*(cri("stdout", "P", part) for part in parts))
    # then all of it is returned, in parts that continue
    assert "".join(record.message for record in found) == "".join(parts)
    assert all(record.partial and len(record.message) <= LINE + 16_384 for record in found)


def test_the_end_of_a_long_line_is_no_line_of_its_own():
    part = "y" * 16_384
    found = records(
        *[cri("stdout", "P", part)] * 3, cri("stdout", "F", "ERROR: still the same"), cri("stdout", "F", "b")
    )
    assert [record.message[-21:] for record in found] == ["y" * 21, "ERROR: still the same", "b"]
    assert [record.severity for record in found] == [None, None, None]
    assert [record.partial for record in found] == [True, False, False]


def test_a_long_line_whose_end_is_empty_ends():
    part = "y" * 16_384
    found = events(*[cri("stdout", "P", part)] * 3, cri("stdout", "F", ""), cri("stdout", "F", "next"))
    assert found == [part * 3, "next"]


def test_an_object_of_many_pieces_is_read():
    whole = json.dumps({"level": "fatal", "msg": "gone", "data": "z" * (OBJECT // 2)})
    cuts = [whole[at : at + 16_384] for at in range(0, len(whole), 16_384)]
    found = records(*(cri("stdout", "P", cut) for cut in cuts), cri("stdout", "F", ""))
    assert [(record.message, record.severity) for record in found] == [("gone", Severity.CRITICAL)]


def test_a_rest_that_comes_too_late_is_another_line():
    early = cri("stdout", "P", "cut off")
    # by time
    late = cri("stdout", "F", "started", "2026-11-20T10:00:09Z")
    assert sorted(record.message for record in records(early, late)) == ["cut off", "started"]
    # or by the number of lines between
    between = [cri("stderr", "F", "x")] * (GAP + 1)
    found = events(early, *between, cri("stdout", "F", "started"))
    assert sorted(set(found)) == ["cut off", "started", "x"]


def test_open_lines_are_bounded_and_none_is_lost():
    pods = [
        {"namespace_name": "shop", "pod_name": f"cart-{n}", "container_name": "web"}
        for n in range(3 * STREAMS)
    ]
    lines = [
        json.dumps({"logtag": "P", "log": f"half {n}", "stream": "stdout", "kubernetes": pod})
        for n, pod in enumerate(pods)
    ]
    found = records(*map(str.encode, lines))
    assert sorted(record.message for record in found) == sorted(f"half {n}" for n in range(3 * STREAMS))


def test_decoders_apart_keep_their_pieces_apart():
    one = Decoder()
    other = one.apart()
    one.decode(cri("stdout", "P", "a"), 1)
    assert whole(other.decode(cri("stdout", "F", "b"), 1)).message == "b"
    assert whole(one.decode(cri("stdout", "F", "c"), 2)).message == "ac"


words = st.sampled_from(["", "a", "ERROR: x ", "b", "INFO z", "1"])
lines_of_a_stream = st.lists(st.lists(words, min_size=1, max_size=4), max_size=4)


@settings(max_examples=150)
@given(lines_of_a_stream, lines_of_a_stream, st.randoms(use_true_random=False), st.integers(0, 40))
def test_however_streams_interleave_each_line_comes_once(first, second, order, cut):
    # given two streams of lines, with any cuts and in any interleaving
    left = {"stdout": pieces(first), "stderr": pieces(second)}
    lines = []
    while any(left.values()):
        out = order.choice([name for name, rest in left.items() if rest])
        part, said = left[out].pop(0)
        lines.append(cri(out, part, said))
    numbered = list(enumerate(lines, 1))
    # when they are decoded at once, and with a hand-over at any place
    whole = events(*lines)
    before = decoded(numbered[:cut], Decoder())
    after = decoded(numbered[cut:], Decoder().apart(lasts(before)))
    handed = joined([*before, *after])
    # then each line is returned once and whole
    plain = [line for line in (*first, *second) if "".join(line).strip()]
    for found in (whole, handed):
        assert len(found) == len(plain)
        assert letters("".join(found)) == letters("".join("".join(line) for line in plain))


def pieces(lines: list[list[str]]) -> list[tuple[str, str]]:
    return [("F" if at == len(line) - 1 else "P", said) for line in lines for at, said in enumerate(line)]


def lasts(found: list[Record]) -> list[Record]:
    return list({record.stream: record for record in found}.values())


def letters(said: str) -> int:
    return sum(said.count(letter) for letter in "abxz1")

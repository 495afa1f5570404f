"""Severity by words: what is trouble, what only sounds like it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.models import Severity
from cali.stages.refine.severity import by_words, needs_digits, worst
from tests.growth import LINEAR, growth
from tests.unit.refine.severity_lines import CRITICAL, ERROR, SILENT, WARNING, WELL


def rows(table: str) -> list[str]:
    return [row for row in table.strip("\n").split("\n") if row]


@pytest.mark.parametrize(
    ("message", "expected"),
    [(m, Severity.CRITICAL) for m in rows(CRITICAL)]
    + [(m, Severity.ERROR) for m in rows(ERROR)]
    + [(m, Severity.WARNING) for m in rows(WARNING)],
)
def test_trouble_is_found(message: str, expected: Severity) -> None:
    assert by_words(message) == expected


@pytest.mark.parametrize("message", rows(WELL))
def test_healthy_lines_with_frightening_words_are_no_trouble(message: str) -> None:
    assert by_words(message) in (None, Severity.INFO)


@pytest.mark.parametrize("message", rows(SILENT))
def test_lines_that_say_nothing_get_no_severity(message: str) -> None:
    assert by_words(message) is None


def blind(message: str) -> str:
    return message.translate(str.maketrans("123456789", "0" * 9))


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("5 errors", "0 errors"),
        ("status=500", "status=200"),
        ("exit code 1", "exit code 0"),
        ("Failures: 1", "Failures: 0"),
        ('"GET / HTTP/1.1" 502 1', '"GET / HTTP/1.1" 200 1'),
        ("error rate 3.50%", "error rate 0.00%"),
        ("실패 3건", "실패 0건"),
        ("エラー 3件", "エラー 0件"),
        ("3 个错误", "0 个错误"),
        ("Fehler: 7", "Fehler: 0"),
    ],
)
def test_a_digit_that_decides_is_announced(bad: str, good: str) -> None:
    assert by_words(bad) == Severity.ERROR
    assert by_words(good) in (None, Severity.INFO)
    assert needs_digits(blind(bad))


@pytest.mark.parametrize("message", ["order 12 created", "connection refused by 10.0.0.1:80", "took 503 ms"])
def test_most_shapes_need_no_digits(message: str) -> None:
    assert not needs_digits(blind(message))


EVERY_ROW = rows(CRITICAL + ERROR + WARNING + WELL + SILENT)


@given(st.sampled_from(EVERY_ROW), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_unless_announced_digits_change_nothing(message: str, random: Random) -> None:
    other = "".join(str(random.randrange(10)) if c in "0123456789" else c for c in message)
    if not needs_digits(blind(message)):
        assert by_words(other) == by_words(message)


def test_structure_wins_then_words_then_info() -> None:
    assert worst(Severity.INFO, Severity.ERROR) == Severity.INFO
    assert worst(None, Severity.ERROR) == Severity.ERROR
    assert worst(None, None) == Severity.INFO


@pytest.mark.parametrize(
    "part",
    [
        "a.",
        "a-",
        "--a-",
        "err_",
        "Error",
        "a.b.C",
        "not failed ",
        "aB",
        "오류",
        "가",
        "오류 ",
        "エラー",
        "错误",
        "无",
        "Fehler",
        "nicht ",
        "könnt ",
        "kann ",
    ],
)
def test_a_long_line_takes_no_longer_than_its_length_allows(part: str) -> None:
    assert growth(lambda size: by_words("error " + part * (size // len(part))), 5_000) < LINEAR

from collections.abc import Mapping
from random import Random

import pytest

from cali.core.errors import Misconfigured
from cali.simulator.phrase import Draw, Speak, compile_phrase


def speak(text: str, values: Mapping[str, Draw] | None = None) -> Speak:
    return compile_phrase(text, values or {}, Random(1))


def counting() -> Draw:
    drawn = iter(range(100))
    return lambda: next(drawn)


def test_a_value_is_fresh_each_time_it_stands_there():
    phrase = speak("{n} {n}", {"n": counting()})

    assert [phrase(), phrase()] == ["0 1", "2 3"]


def test_a_tagged_value_is_the_same_within_a_phrase_and_fresh_in_the_next():
    phrase = speak("{n:a} {n} {n:a} {n:b}", {"n": counting()})

    assert [phrase(), phrase()] == ["0 1 0 2", "3 4 3 5"]


def test_choices_and_ranges_stay_within():
    phrase = speak("{GET|PUT} {3..5} {1..900~}")

    methods, small, skewed = zip(*(phrase().split() for _ in range(600)), strict=True)

    assert set(methods) == {"GET", "PUT"}
    assert set(small) == {"3", "4", "5"}
    assert all(1 <= int(value) <= 900 for value in skewed)
    assert sum(int(value) < 450 for value in skewed) > 400


def test_everything_else_is_literal():
    text = '{"a": {"b": 100%}} {} {User.id} ${x y} %s'

    assert speak(text)() == text


def test_a_choice_inside_json_is_found():
    assert speak('{"cache": "{hit|hit}"}')() == '{"cache": "hit"}'


@pytest.mark.parametrize(("text", "says"), [("{nobody}", "value {nobody}"), ("{5..3}", "empty range")])
def test_a_phrase_that_cannot_be_spoken_is_refused(text, says):
    with pytest.raises(Misconfigured, match=says):
        speak(text)

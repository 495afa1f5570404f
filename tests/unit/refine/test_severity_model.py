"""The learnt opinion of a message: words decide, names and digits do not."""

from __future__ import annotations

from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cali.core.errors import Misconfigured
from cali.core.models import Severity
from cali.stages.refine.severity import by_words
from cali.stages.refine.severity_model import Opinion, features, load, loads


@given(st.text(max_size=200), st.randoms(use_true_random=False))
def test_the_values_of_digits_change_nothing(message: str, random: Random) -> None:
    other = "".join(str(random.randrange(10)) if c in "0123456789" else c for c in message)
    assert features(message) == features(other)


def test_a_parameter_counts_as_a_number() -> None:
    assert features("took <*> ms on node<*>") == features("took 17 ms on node4")


@pytest.mark.parametrize(
    "message",
    [
        "Unpacking liberror-perl (0.17029-2) ...",
        "Setting up python3-exceptiongroup (1.1.0-1) ...",
        "status installed libgpg-error-dev:amd64 1.46-1",
        "Selecting previously unselected package libtest-fatal-perl.",
    ],
)
def test_names_of_packages_are_no_trouble(message: str) -> None:
    assert by_words(message) in (None, Severity.INFO)


def test_an_opinion_decides_only_where_structure_does_not() -> None:
    assert by_words("upload failed", Opinion.VETO) == Severity.INFO
    assert by_words("upload failed", Opinion.NONE) == Severity.ERROR
    assert by_words("upload went astray", Opinion.NONE) is None
    assert by_words("upload went astray", Opinion.REPORT) == Severity.ERROR
    assert by_words("INFO upload went astray", Opinion.REPORT) == Severity.INFO
    assert by_words("read: connection reset by peer", Opinion.VETO) == Severity.ERROR
    assert by_words("0 errors", Opinion.REPORT) in (None, Severity.INFO)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 9},
        {"hashes": "AAAA"},
        {"hashes": "no base64!"},
        {"weights": ""},
        {"bias": "much"},
    ],
)
def test_a_damaged_model_gets_one_clear_line(change: dict[str, object]) -> None:
    document = {
        "format": 1, "version": "x", "bias": 0, "veto": -1, "report": 1, "hashes": "AAAAAA==", "weights": "AQ==",
    }  # fmt: skip
    loads(orjson.dumps(document), "model")
    with pytest.raises(Misconfigured, match=r"model: not a severity model.*make train"):
        loads(orjson.dumps(document | change), "model")


def test_a_version_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Misconfigured, match="no severity model 1999-01-01"):
        load("1999-01-01")

"""The contract of AnswerCache and Budget, local and on AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from cali.adapters.sqlite.answers import AnswersFile
from cali.core.ports import AnswerCache, Budget


class Store(AnswerCache, Budget, Protocol):
    """Both ports in one object. Its limits are three calls and a dollar a day."""


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = AnswersFile(tmp_path / "answers.db" if request.param == "file" else None, calls=3, dollars=1.0)
    yield made
    made.close()


def test_what_was_put_last_is_got(store: Store) -> None:
    assert store.get("k") is None
    store.put("k", "one")
    store.put("k", "two ☃ \x00")
    assert store.get("k") == "two ☃ \x00"
    assert store.get("other") is None


def test_a_claim_is_one_caller_s_until_released_or_run_out(store: Store) -> None:
    assert store.claim("k", 100.0, 60.0)
    assert not store.claim("k", 159.0, 60.0)
    assert store.claim("other", 159.0, 60.0)
    assert store.claim("k", 160.0, 60.0)
    store.release("k")
    assert store.claim("k", 161.0, 60.0)
    store.release("never claimed")


def test_a_day_has_so_many_calls_and_the_next_day_has_its_own(store: Store) -> None:
    assert [store.take("2026-11-20", 0.0) for _ in range(4)] == [True, True, True, False]
    assert store.take("2026-11-21", 0.0)


def test_dollars_are_booked_before_and_corrected_after(store: Store) -> None:
    assert store.take("2026-11-20", 0.9)
    assert not store.take("2026-11-20", 0.2)
    store.settle("2026-11-20", -0.8)
    assert store.take("2026-11-20", 0.2)

"""Two days of the simulated week: an error that is unknown on the first is known on the second."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.learning_week import Size, page, week


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory):
    return week(tmp_path_factory.mktemp("week"), size=Size(days=2, lines=300))


def test_the_share_of_alerts_with_a_known_cause_rises(days):
    first, second = days
    assert first.known == 0
    assert first.new > 0
    assert second.share > 0.5


def test_model_calls_fall(days):
    first, second = days
    assert 0 < second.calls < first.calls


def test_without_the_nightly_jobs_nothing_is_known(days, tmp_path: Path):
    plain = week(tmp_path, learns=False, size=Size(days=2, lines=300))
    assert [day.known for day in plain] == [0, 0]
    assert [day.opened for day in plain] == [day.opened for day in days]


def test_the_page_has_a_row_for_each_day(days):
    assert len(page(days).splitlines()) == 4

"""The short form of the proof: four faults in half a minute, every record accounted for."""

from __future__ import annotations

import pytest

from tests.cloud.project import missing
from tests.prove.judge import promises
from tests.prove.plan import planned
from tests.prove.report import page
from tests.prove.run import prove

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # warnings of botocore
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_four_faults_in_twelve_seconds_lose_nothing() -> None:
    # For a longer run: make prove
    plan = planned(1, 12.0, 4, ["kill-analyze", "redeliver", "poison", "dynamodb-throttle"])

    ran = prove(12.0, 200.0, 1, plan, print, pace=0.02)

    assert len(plan) == 4
    assert [one.said for one in promises(ran) if not one.kept] == []
    assert ran.summary.poison > 0
    assert "every promise was kept" in page(ran)

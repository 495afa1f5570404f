"""The same alert scenarios through the functions: handlers, table, stream, and signed requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.alert_lambda import Functions, account
from tests.scenarios.alert_scenarios import ran, through

pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment, account(environment):
        yield


def test_there_are_scenarios():
    assert len(through("lambda")) >= 40


@pytest.mark.parametrize("scenario", through("lambda"))
def test_scenario(scenario: dict[str, Any]):
    ran(scenario, Functions)

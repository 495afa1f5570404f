"""The same alert scenarios through the command line: `cali incidents` and `cali alerts` over a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.alert_scenarios import ran, through
from tests.scenarios.alert_shells import Given
from tests.scenarios.alert_terminal import Terminal, environment


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Given], Terminal]:
    with environment(monkeypatch) as made:
        return made


def test_there_are_scenarios():
    assert len(through("cli")) >= 40


@pytest.mark.parametrize("scenario", through("cli"))
def test_scenario(scenario: dict[str, Any], terminal: Callable[[Given], Terminal]):
    ran(scenario, terminal)

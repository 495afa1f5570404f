"""Alert scenarios through the core: the events, and the messages that people have read at the end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.alert_scenarios import SCENARIOS, SHELLS, ran, through
from tests.scenarios.alert_shells import Core


def test_there_are_scenarios():
    assert len(through("core")) >= 40


def test_what_a_shell_cannot_have_says_why():
    for scenario in (one for scenarios in SCENARIOS.values() for one in scenarios):
        assert set(scenario.get("shells", SHELLS)) <= set(SHELLS)
        assert ("shells" in scenario) == bool(scenario.get("because")), scenario["name"]


@pytest.mark.parametrize("scenario", through("core"))
def test_scenario(scenario: dict[str, Any]):
    ran(scenario, Core)

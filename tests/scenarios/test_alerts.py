"""Alert scenarios as data: what happens, and what people have read in the end. See `alert_town.py` for the steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenarios.alert_town import Town

FILES = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
SCENARIOS = [
    pytest.param(scenario, id=f"{file.stem}-{scenario['name'].replace(' ', '-')}")
    for file in FILES
    for scenario in yaml.safe_load(file.read_text("utf-8"))
]


def test_there_are_scenarios():
    assert len(SCENARIOS) >= 40


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: dict[str, Any]):
    town = Town(scenario.get("rules"), scenario.get("language", "en"), wait=scenario.get("wait", 0.0))
    try:
        town.run(scenario["steps"])
        town.check()
    finally:
        town.close()

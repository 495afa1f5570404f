"""Alert scenarios as data: `alerts/*.yaml`. A case runs through all shells, or through those under `shells`. Then
`because` gives the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scenarios.alert_shells import Given, Shell
from tests.scenarios.alert_town import Town

FILES = sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
SHELLS = ("core", "lambda", "cli")
SCENARIOS = {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in FILES}


def through(shell: str) -> list[Any]:
    """Return the cases that run through a shell, as parameters of a test."""
    return [
        pytest.param(scenario, id=f"{name}-{scenario['name'].replace(' ', '-')}")
        for name, scenarios in SCENARIOS.items()
        for scenario in scenarios
        if shell in scenario.get("shells", SHELLS)
    ]


def ran(scenario: dict[str, Any], shell: Callable[[Given], Shell]) -> None:
    """Run a case."""
    language, wait = scenario.get("language", "en"), scenario.get("wait", 0.0)
    town = Town(scenario.get("rules"), language, wait=wait, shell=shell)
    try:
        town.run(scenario["steps"])
        town.check()
    finally:
        town.close()

"""Every scenario through the analysis that `cali analyze` runs; some through the command itself.

given: lines of a log. expect: its incidents in the order shown, `any_order` where that does not matter. The fields to
compare:
    title, cause, severity, scope, shows, hides: patterns; hides: a pattern that is nowhere in the incident
    count (of the root), lines (of the evidence or the samples, at least), origin
    with: the other findings of the incident by role, pattern of the reason, scope and count
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cali.bootstrap.local import LocalParts
from cali.core import settings
from cali.report.json import as_json
from tests.functional.shell import outside

HERE = Path(__file__).parent
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted(HERE.glob("*.yaml"))
    for case in yaml.safe_load(file.read_text("utf-8"))
]
IN_A_PROCESS = ("a Java trace with a cause", "PostgreSQL has no connection left", "people and passwords")
PATTERNS = ("title", "cause", "severity", "scope", "shows")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> LocalParts:
    return LocalParts(
        settings.read({"CALI_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}), ask_model=False
    )


@pytest.mark.parametrize("case", CASES)
def test_scenario(case: dict[str, Any], parts: LocalParts, tmp_path: Path) -> None:
    import orjson

    log = tmp_path / "given.log"
    log.write_text(case["given"], "utf-8")
    check(case, orjson.loads(as_json(parts.analyze([str(log)]))))


@pytest.mark.parametrize("case", [case for case in CASES if case.values[0]["name"] in IN_A_PROCESS])  # type: ignore[index]  # a case is a mapping
def test_scenario_in_a_process_of_its_own(case: dict[str, Any], parts: LocalParts) -> None:
    env = {name: "" for name in os.environ if name.startswith("CALI_")}
    ran = outside(
        "analyze",
        "-",
        "--format",
        "json",
        stdin=case["given"].encode(),
        env={**env, "CALI_CACHE_DIR": str(parts.cache)},
    )
    assert ran.code == 0, ran.err
    check(case, ran.report)


def check(case: dict[str, Any], report: Any) -> None:
    found, wanted = report["incidents"], case["expect"]
    told = [f"{one['severity']} {one['scope']} {one['title']} x{one['count']}" for one in found]
    assert len(found) == len(wanted), told
    if case.get("any_order"):
        found = [next((one for one in found if fits(one, want)), None) for want in wanted]
        assert None not in found, told
    for one, want in zip(found, wanted, strict=True):
        for name in PATTERNS:
            if name in want:
                assert re.search(str(want[name]), facts(one)[name]), (name, facts(one)[name])
        assert fits(one, want), (want, one)


def fits(one: dict[str, Any], want: dict[str, Any]) -> bool:
    said = facts(one)
    lines = {evidence["line"] for evidence in one["diagnosis"]["evidence"]}
    unread = want.keys() - {*PATTERNS, "hides", "count", "origin", "with", "lines"}
    assert not unread, f"nobody looks at {unread}"
    return (
        all(re.search(str(want[name]), said[name]) for name in PATTERNS if name in want)
        and not ("hides" in want and re.search(want["hides"], str(one)))
        and want.get("count", one["findings"][0]["count"]) == one["findings"][0]["count"]
        and want.get("origin", one["diagnosis"]["origin"]) == one["diagnosis"]["origin"]
        and lines <= set(want.get("lines", lines))
        and ("with" not in want or joined(want["with"], one["findings"][1:]))
    )


def joined(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> bool:
    return len(wanted) == len(found) and all(
        re.search(want.get("role", ""), one["role"])
        and re.search(want.get("reason", ""), one["reason"])
        and re.search(want.get("scope", ""), one["scope"])
        and want.get("count", one["count"]) == one["count"]
        for want, one in zip(wanted, found, strict=True)
    )


def facts(one: dict[str, Any]) -> dict[str, str]:
    return {
        "title": one["title"],
        "cause": one["diagnosis"]["cause"],
        "severity": one["severity"],
        "scope": one["scope"],
        "shows": " ".join(sample["text"] for finding in one["findings"] for sample in finding["samples"]),
    }

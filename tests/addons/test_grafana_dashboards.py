"""The dashboards are valid for Grafana and query only what exists: fields that enrich writes, metrics that functions
send."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from cali.core.event_sources import INCIDENTS, LOGS, SOURCES
from cali.stages.decode import Decoder
from cali.stages.refine.refiner import Refiner
from cali.usecases.enrich import Enrich
from tests.addons.grafana_metrics import AWS, emitted

FOLDER = Path(__file__).parents[2] / "eks_addons" / "grafana"
BOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted((FOLDER / "dashboards").glob("*.json"))
}
SOURCES_BY_UID = {
    each["uid"]: each["type"]
    for each in yaml.safe_load((FOLDER / "values.yaml").read_text())["datasources"]["datasources.yaml"][
        "datasources"
    ]
}
QUIET = ("row", "text")
EMITTED = emitted()
_FIELD = re.compile(r"([@\w.]+):")
_VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+))")


def written() -> frozenset[str]:
    """Return the fields of a document that enrich writes."""
    line = {
        "@timestamp": "2026-11-20T10:00:00.000Z",
        "stream": "stderr",
        "log": "ERROR failed",
        "kubernetes": {"namespace_name": "shop", "pod_name": "a-1", "container_name": "api", "labels": {}},
    }
    data = b64encode(json.dumps(line).encode()).decode()
    (answer,) = Enrich(Decoder("prod"), Refiner()).records([{"recordId": "1", "data": data}])
    return frozenset(_names(json.loads(b64decode(answer["data"]))))


def _names(document: dict[str, Any], start: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _names(value, f"{start}{key}.")
        else:
            yield f"{start}{key}"


FIELDS = written()
WORDS = FIELDS - {"@timestamp", "message"}  # mapped as keyword, the only type that can be grouped


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def targets(kind: str) -> list[Any]:
    return [
        pytest.param(target, id=f"{name}: {panel['title']} {target['refId']}")
        for name, board in BOARDS.items()
        for panel in panels(board)
        for target in panel.get("targets", ())
        if SOURCES_BY_UID[target["datasource"]["uid"]] == kind
    ]


def test_every_question_has_its_dashboard() -> None:
    assert BOARDS.keys() == {"overview", "incident", "pipeline", "model", "cluster"}
    assert {board["uid"] for board in BOARDS.values()} == {f"cali-{name}" for name in BOARDS}


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_of_the_form_that_grafana_reads(name: str) -> None:
    board = BOARDS[name]
    assert board["schemaVersion"] >= 41
    assert board["id"] is None
    assert board["title"]
    assert "cali" in board["tags"]
    ids = [panel["id"] for panel in panels(board)]
    assert len(ids) == len(set(ids))
    for panel in panels(board):
        if panel["type"] in QUIET:
            continue
        assert panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert refs
        assert len(refs) == len(set(refs))
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert SOURCES_BY_UID[source["uid"]] == source["type"]


@pytest.mark.parametrize("name", BOARDS)
def test_panels_lie_beside_each_other(name: str) -> None:
    places = [panel["gridPos"] for panel in BOARDS[name]["panels"]]
    for each in places:
        assert 0 <= each["x"] < each["x"] + each["w"] <= 24
        assert each["h"] > 0
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@pytest.mark.parametrize("name", BOARDS)
def test_every_variable_that_is_used_is_defined(name: str) -> None:
    board = BOARDS[name]
    defined = {each["name"] for each in board["templating"]["list"]}
    asked = [target for panel in panels(board) for target in panel.get("targets", ())]
    used = {one or other for one, other in _VARIABLE.findall(json.dumps([asked, board["templating"]]))}
    assert used - {"__all"} == defined


@pytest.mark.parametrize("name", BOARDS)
def test_links_lead_to_dashboards_and_set_variables_they_have(name: str) -> None:
    for url in re.findall(r'"url": "(/d/[^"]+)"', json.dumps(BOARDS[name])):
        _, _, uid, rest = url.split("/", 3)
        board = next(each for each in BOARDS.values() if each["uid"] == uid)
        variables = {each["name"] for each in board["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", rest)) <= variables


def test_an_error_leads_to_its_incident() -> None:
    links = [
        panel["title"] for panel in panels(BOARDS["overview"]) if "/d/cali-incident/" in json.dumps(panel)
    ]
    assert links == ["Top errors", "New errors"]
    assert [each["name"] for each in BOARDS["incident"]["templating"]["list"]] == ["fingerprint"]


@pytest.mark.parametrize("target", targets("grafana-opensearch-datasource"))
def test_opensearch_is_asked_for_fields_that_enrich_writes(target: dict[str, Any]) -> None:
    assert target["timeField"] in FIELDS
    assert set(_FIELD.findall(target["query"])) <= FIELDS
    ids = [each["id"] for each in (*target["metrics"], *target["bucketAggs"])]
    assert len(ids) == len(set(ids))
    for each in target["bucketAggs"]:
        assert each["field"] in (WORDS if each["type"] == "terms" else {"@timestamp"})
        order = each["settings"].get("orderBy", "_count")
        assert order in {"_count", "_term", *(metric["id"] for metric in target["metrics"])}
    for each in target["metrics"]:
        assert each["type"] in {"count", "cardinality", "min", "max", "logs"}
        assert each.get("field", "@timestamp") in FIELDS


@pytest.mark.parametrize("name", BOARDS)
def test_choices_come_from_fields_that_enrich_writes(name: str) -> None:
    for variable in BOARDS[name]["templating"]["list"]:
        if variable["type"] == "query":
            question = json.loads(variable["query"])
            assert question["find"] == "terms"
            assert question["field"] in WORDS
            assert set(_FIELD.findall(question["query"])) <= FIELDS


@pytest.mark.parametrize("target", targets("cloudwatch"))
def test_cloudwatch_is_asked_for_metrics_that_are_emitted(target: dict[str, Any]) -> None:
    if target["expression"]:
        return  # used by other queries of the panel; see below
    namespace, metric, dimensions = target["namespace"], target["metricName"], target["dimensions"]
    if namespace == "CALI":
        ((name, (function,)),) = dimensions.items()
        assert name == "function"
        assert metric in EMITTED[function]
        # The functions' metrics have a second dimension, so a query for one exact dimension would find none.
        assert target["matchExact"] is False
        return
    known, metrics = AWS[namespace]
    assert metric in metrics
    assert set(dimensions) <= known
    assert set(dimensions) == known or target["matchExact"] is False


def test_expressions_use_queries_of_their_own_panel() -> None:
    seen = 0
    for board in BOARDS.values():
        for panel in panels(board):
            ids = {target["id"] for target in panel.get("targets", ()) if target.get("id")}
            for target in panel.get("targets", ()):
                if target.get("expression"):
                    seen += 1
                    assert set(re.findall(r"\b[a-z]\w*\b", target["expression"])) == ids
    assert seen


def test_names_of_streams_and_functions_are_those_that_are_deployed() -> None:
    asked = json.dumps([param.values[0]["dimensions"] for param in targets("cloudwatch")])
    names = {name.replace("$name", "cali") for name in re.findall(r'"(\$name[^"]*)"', asked)}
    assert {LOGS, INCIDENTS} <= names
    assert {f"cali-$stage-{function}" for function in SOURCES} <= names


def test_what_the_functions_count_is_read_from_their_code() -> None:
    assert EMITTED["analyze"] >= {"records", "lines", "incidents", "quarantined"}
    assert EMITTED["diagnose"] >= {"known", "explained", "silent", "model_dollars", "failed"}
    assert EMITTED["sweep"] >= {
        "quiet",
        "asked",
        "released",
        "alerts_sent",
        "incidents_opened",
        "incidents_quiet",
    }
    assert "known" not in EMITTED["alert"]
    assert "log_to_alert_ms" in EMITTED["alert"]
    assert "log_to_alert_ms" not in EMITTED["diagnose"]
    assert all("release_failures" in EMITTED[function] for function in (*SOURCES, "enrich", "sweep"))

"""Our own charts, rendered by helm and held against what Kubernetes knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.addons.conftest import ADDONS, Release
from tests.addons.tools import Schemas, containers, rendered

DEFAULT = re.search(
    r'variable "cluster_version" \{.*?default\s+= "(.*?)"',
    (ADDONS.parent / "terraform" / "cluster.tf").read_text("utf-8"),
    re.S,
)
assert DEFAULT
VERSIONS = sorted({DEFAULT[1], "1.34", "1.36"})  # what the first root accepts


@pytest.fixture(scope="module")
def objects(releases: dict[str, Release], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("rendered")
    return [
        made
        for name in ("base", "cali")
        for made in rendered(
            ADDONS / "charts" / name, releases[name].layers, releases[name].namespace, folder
        )
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(objects: list[dict[str, Any]], version: str):
    schemas = Schemas(version)
    wrong = {f"{made['kind']} {made['metadata']['name']}": schemas.errors(made) for made in objects}
    assert {name: errors for name, errors in wrong.items() if errors} == {}


def test_a_field_that_kubernetes_does_not_know_is_seen(objects: list[dict[str, Any]]):
    budget = next(made for made in objects if made["kind"] == "PodDisruptionBudget")
    misspelt = {**budget, "spec": {**budget["spec"], "maxUnavailble": 1}}
    assert Schemas(VERSIONS[0]).errors(misspelt)


def test_the_worker_does_not_read_itself_and_the_shop_is_read(objects: list[dict[str, Any]]):
    said = {
        made["metadata"]["name"]: made["spec"]["template"]["metadata"].get("annotations", {})
        for made in objects
        if made["kind"] == "Deployment"
    }
    assert said["consumer"]["fluentbit.io/exclude"] == "true"
    assert "fluentbit.io/exclude" not in said["log-generator"]


def test_whatever_runs_asks_for_what_it_needs_and_cannot_take_more(objects: list[dict[str, Any]]):
    found = list(containers(objects))
    assert {name for name, _, _ in found} == {"consumer/consumer", "log-generator/log-generator"}
    for name, pod, container in found:
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), name
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert not pod["automountServiceAccountToken"], name


def test_whatever_runs_has_a_budget_that_finds_it(objects: list[dict[str, Any]]):
    budgets = [made for made in objects if made["kind"] == "PodDisruptionBudget"]
    for made in objects:
        if made["kind"] != "Deployment":
            continue
        labels = made["spec"]["template"]["metadata"]["labels"].items()
        matching = [
            budget
            for budget in budgets
            if budget["metadata"]["namespace"] == made["metadata"]["namespace"]
            and budget["spec"]["selector"]["matchLabels"].items() <= labels
        ]
        assert len(matching) == 1, made["metadata"]["name"]


def test_one_class_is_the_default_and_it_encrypts(objects: list[dict[str, Any]]):
    (storage,) = [made for made in objects if made["kind"] == "StorageClass"]
    assert storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert storage["provisioner"] == "ebs.csi.aws.com"
    assert storage["parameters"]["encrypted"] == "true"
    assert storage["parameters"]["type"] == "gp3"
    assert storage["allowVolumeExpansion"] is True


def policies(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        made["metadata"]["namespace"]: made["spec"] for made in objects if made["kind"] == "NetworkPolicy"
    }


def test_every_namespace_of_ours_has_a_policy_for_both_directions(objects: list[dict[str, Any]]):
    found = policies(objects)
    assert found.keys() == {"airflow", "cali", "logging", "milvus", "monitoring"}
    assert all(
        spec["policyTypes"] == ["Ingress", "Egress"] and spec["podSelector"] == {} for spec in found.values()
    )


def test_milvus_is_reached_by_those_who_search_and_reaches_nobody(objects: list[dict[str, Any]]):
    spec = policies(objects)["milvus"]
    outside = [rule for rule in spec["ingress"] if "ports" in rule]
    assert {port["port"] for rule in outside for port in rule["ports"]} == {19530}
    names = {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in outside
        for peer in rule["from"]
        if "namespaceSelector" in peer
    }
    assert names == {"airflow", "cali"}
    assert {port["port"] for rule in spec["egress"] for port in rule.get("ports", [])} == {53}


def test_nobody_may_ask_the_nodes_metadata(objects: list[dict[str, Any]]):
    for spec in policies(objects).values():
        for rule in spec["egress"]:
            for peer in rule["to"]:
                if "ipBlock" in peer and peer["ipBlock"]["cidr"] == "0.0.0.0/0":
                    assert peer["ipBlock"]["except"] == ["169.254.169.254/32"]
                    assert rule["ports"] == [{"protocol": "TCP", "port": 443}]


def test_who_speaks_to_whom_agrees_on_both_sides(objects: list[dict[str, Any]]):
    """A way out that the other side does not let in is a mistake."""
    found = policies(objects)

    def peers(spec: dict[str, Any], direction: str, side: str) -> set[tuple[str, int]]:
        return {
            (peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
            for rule in spec[direction]
            for peer in rule[side]
            if "namespaceSelector" in peer
            for port in rule["ports"]
        }

    for name, spec in found.items():
        for other, port in peers(spec, "egress", "to") - {("kube-system", 53)}:
            assert (name, port) in peers(found[other], "ingress", "from")


def test_nothing_is_off_in_vain(tmp_path: Path):
    """Without the worker its service account, budget and all are gone too."""
    made = rendered(ADDONS / "charts" / "cali", [{"logGenerator": {"enabled": False}}], "cali", tmp_path)
    assert made == []

"""All add-ons together fit on the default nodes of the first root, including the limit of pods per node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.addons.conftest import ADDONS, over
from tests.addons.nodes import Need, Node, cpu, memory, need, node, placed

NODES = (ADDONS.parent / "terraform" / "nodes.tf").read_text("utf-8")
GITSYNC = ("dag_processor", "scheduler", "triggerer")  # each has a sidecar

# The size assumed for a pod without requests.
NOT_SAID = {"requests": {"cpu": "100m", "memory": "256Mi"}}

# Requests of EKS's own add-ons: one pod each on every node, some twice. From the manifests of EKS 1.35's default
# versions: aws-node 25m and 25m for the policy agent, kube-proxy 100m, and three and six containers of 10m and 40Mi
# for EBS.
EACH_NODE = (Need("aws-node", 50, 0), Need("kube-proxy", 100, 0), Need("ebs-csi-node", 30, 120))
TWICE = (Need("coredns", 100, 70), Need("ebs-csi-controller", 60, 240))


def layered(addon: str, environment: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in ("values.yaml", f"values-{environment}.yaml"):
        path = ADDONS / addon / name
        if path.is_file():
            values = over(values, yaml.safe_load(path.read_text("utf-8")) or {})
    return values


def number(name: str) -> int:
    """Return a default of the variable state_nodes, or the kubelet's maxPods."""
    found = re.search(rf"\b{name}\s*(?:= optional\(number, |: )(\d+)", NODES)
    assert found, name
    return int(found[1])


def airflow(environment: str) -> list[Need]:
    """Return Airflow's release with the LocalExecutor."""
    values = layered("airflow", environment)
    sync = values["dags"]["gitSync"]["resources"]
    names = {
        "apiServer": "api_server",
        "dagProcessor": "dag_processor",
        "scheduler": "scheduler",
        "triggerer": "triggerer",
    }
    pods = []
    for key, name in names.items():
        one = values[key]
        sidecars = [sync] if name in GITSYNC else []
        pods += [need(f"airflow-{name}", one["resources"], *sidecars)] * one.get("replicas", 1)
    return [*pods, need("airflow-postgresql", values["postgresql"]["primary"]["resources"])]


def on_state_nodes(environment: str, consumer: bool) -> list[Need]:
    """Return every add-on pod that may run on the permanent nodes."""
    ours = [*airflow(environment), need("milvus", layered("milvus", environment)["standalone"]["resources"])]
    ours.append(need("cluster-autoscaler", layered("cluster_autoscaler", environment)["resources"]))
    ours.append(need("grafana", *pod_of_grafana(environment)))
    ours.append(need("log-generator", layered("log_generator", environment)["logGenerator"]["resources"]))
    if consumer:
        ours.append(need("consumer", layered("consumer", environment)["consumer"]["resources"]))
    return ours


def pod_of_grafana(environment: str) -> list[dict[str, Any]]:
    values = layered("grafana", environment)
    sidecars = values.get("sidecar", {})
    watching = [sidecars.get("resources") or NOT_SAID] * sum(bool(sidecars.get(kind, {}).get("enabled")) for kind in ("dashboards", "datasources"))  # fmt: skip
    return [values.get("resources") or NOT_SAID, *watching]


def nodes(environment: str, count: int, instance: str = "t3.medium") -> list[Node]:
    """Return the nodes with their daemon pods already placed."""
    collector = need("fluent-bit", layered("fluent_bit", environment)["resources"])
    empty = [node(instance, number("maxPods"))] * count
    for pod in (*EACH_NODE, collector):
        empty = [Node(one.cpu - pod.cpu, one.memory - pod.memory, one.pods - 1) for one in empty]
    return empty


@pytest.mark.parametrize("consumer", [False, True], ids=["functions", "functions and worker"])
def test_dev_fits_the_default_nodes(consumer: bool):
    assert re.search(r'instance_type = optional\(string, "t3.medium"\)', NODES)
    begin = nodes("dev", number("min"))
    left, waiting = placed([*TWICE * 2, *on_state_nodes("dev", consumer)], begin)
    assert waiting == []
    # reserve for a rolling update, Helm hooks, and tasks that exceed their requests
    assert sum(one.cpu for one in left) >= 300
    assert sum(one.memory for one in left) >= 300


def test_it_would_not_fit_the_pods_that_addresses_alone_allow_for_long():
    """Without prefix delegation a node has addresses for 17 pods. This is why nodes.tf sets maxPods."""
    pods = len(on_state_nodes("dev", consumer=True)) + 2 * len(TWICE) + number("min") * (len(EACH_NODE) + 1)
    assert pods <= 17 * number("min") <= 110 * number("min")


def test_prod_fits_the_largest_that_the_group_may_become():
    left, waiting = placed(
        [*TWICE * 2, *on_state_nodes("prod", consumer=True)], nodes("prod", number("max"), "m5.large")
    )
    assert waiting == []
    assert sum(one.memory for one in left) > 0


def test_what_does_not_fit_is_seen():
    _, waiting = placed([Need("large", 100, 4000)], [node("t3.medium", 110)])
    assert [pod.name for pod in waiting] == ["large"]
    _, waiting = placed([Need("small", 1, 1)] * 3, [node("t3.medium", 2)])
    assert len(waiting) == 1


def requests_and_limits(values: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(values, dict):
        return []
    found = [(path, values)] if {"requests", "limits"} <= values.keys() else []
    return found + [
        one for key, value in values.items() for one in requests_and_limits(value, f"{path}.{key}")
    ]


@pytest.mark.parametrize(
    "path", sorted(ADDONS.glob("*/values*.yaml")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_no_limit_lies_below_what_is_asked_for(path: Path):
    for where, resources in requests_and_limits(yaml.safe_load(path.read_text("utf-8"))):
        for kind, read in (("cpu", cpu), ("memory", memory)):
            assert kind in resources["requests"], where
            if kind in resources["limits"]:
                assert read(resources["limits"][kind]) >= read(resources["requests"][kind]), where

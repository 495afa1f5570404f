"""All charts, rendered by helm with our values: valid for Kubernetes, and rules that hold for every pod. Our own
charts are always rendered. Other charts are rendered if they are in out/charts/ or can be downloaded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.addons.conftest import ADDONS, Release
from tests.addons.nodes import cpu, memory
from tests.addons.tools import Pod, notes, pods, rendered, schemas

EXECUTORS = ("LocalExecutor", "CeleryExecutor", "KubernetesExecutor")
OURS = ("base", "cali")
RENDERED = (*OURS, "cluster_autoscaler", "fluent_bit", "grafana", "milvus", *(f"airflow {one}" for one in EXECUTORS))  # fmt: skip
VERSIONS = re.findall(r'"(1\.\d+)" = "v1', (ADDONS / "versions.tf").read_text("utf-8"))

EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
REVISION = "cali/secrets-revision"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")

# Charts without a value for this setting.
LINKED = {"airflow-postgresql", "airflow-redis", "cluster-autoscaler", "fluent-bit", "milvus-standalone"}
UNBOUNDED = {"milvus-standalone/tools"}  # only an init container of Milvus writes here, to copy a program
# The chart generates these at its first installation, so they do not change.
MADE_BY_THE_CHART = {"airflow-broker-url", "airflow-redis-password"}
AS_ROOT = {"fluent-bit"}  # other users may not read the log files of containers on the node


def objects_of(releases: dict[str, Release], which: str, folder: Path) -> list[dict[str, Any]]:
    """Return the objects of a release. The name may end with Airflow's executor."""
    name, _, executor = which.partition(" ")
    release = releases[name]
    archive = release.archive()
    if archive is None:
        pytest.skip(f"the chart {release.chart} {release.version} is not here and cannot be fetched")
    layers = [*release.layers, {"executor": executor}] if executor else release.layers
    return rendered(archive, layers, release.namespace, folder, release.name)


@pytest.fixture(scope="module", params=RENDERED)
def objects(
    request: pytest.FixtureRequest, releases: dict[str, Release], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    return objects_of(releases, request.param, tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="module")
def found(objects: list[dict[str, Any]]) -> list[Pod]:
    return list(pods(objects))


@pytest.fixture(scope="module")
def ours(releases: dict[str, Release], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ours")
    return [made for name in OURS for made in objects_of(releases, name, folder)]


def each(found: list[Pod]) -> Iterator[tuple[str, Pod, dict[str, Any]]]:
    for pod in found:
        for container in pod.containers:
            yield f"{pod.name}/{container['name']}", pod, container


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(objects: list[dict[str, Any]], found: list[Pod], version: str):
    known = schemas(version)
    inside = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod.name}, "spec": pod.spec}
        for pod in found
        if pod.kind == "Pod"
    ]
    wrong = {f"{made['kind']} {made['metadata']['name']}": known.errors(made) for made in (*objects, *inside)}
    assert {name: errors for name, errors in wrong.items() if errors} == {}


def test_a_field_that_kubernetes_does_not_know_is_seen(ours: list[dict[str, Any]]):
    budget = next(made for made in ours if made["kind"] == "PodDisruptionBudget")
    misspelt = {**budget, "spec": {**budget["spec"], "maxUnavailble": 1}}
    assert schemas(VERSIONS[0]).errors(misspelt)


def test_whatever_runs_asks_for_what_it_needs_and_cannot_take_more(found: list[Pod]):
    for name, _, container in each(found):
        for kind in ("requests", "limits"):
            assert {"cpu", "memory"} <= container["resources"][kind].keys(), name


def test_nothing_has_rights_that_it_need_not_have(found: list[Pod]):
    for name, pod, container in each(found):
        rights = {**(pod.spec.get("securityContext") or {}), **container["securityContext"]}
        assert rights["allowPrivilegeEscalation"] is False, name
        assert rights["capabilities"]["drop"] == ["ALL"], name
        assert rights["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert rights.get("runAsNonRoot") or pod.name in AS_ROOT, name


def test_our_own_and_grafana_write_nowhere_but_where_they_must(found: list[Pod]):
    for name, pod, container in each(found):
        if not pod.name.startswith(("airflow", "milvus")):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


def test_every_image_is_of_one_release(found: list[Pod]):
    for name, _, container in each(found):
        assert re.search(r":[^:/]+$", container["image"]), name
        assert not container["image"].endswith(":latest"), name


def test_what_lies_on_a_nodes_disk_is_bounded(found: list[Pod]):
    for pod in found:
        for volume in pod.spec.get("volumes", ()):
            if "emptyDir" in volume and f"{pod.name}/{volume['name']}" not in UNBOUNDED:
                bounded = {"sizeLimit"} & volume["emptyDir"].keys() or volume["emptyDir"].get("medium")
                assert bounded or all(
                    "ephemeral-storage" in container["resources"]["limits"] for container in pod.containers
                ), f"{pod.name}/{volume['name']}"


def test_no_pod_is_given_the_address_of_each_service(found: list[Pod]):
    for pod in found:
        assert pod.spec.get("enableServiceLinks") is False or pod.name in LINKED, pod.name


def test_a_changed_secret_is_a_new_pod(found: list[Pod], releases: dict[str, Release]):
    """Jobs run at each upgrade. PostgreSQL reads its password only at its first start."""
    for pod in found:
        if pod.secrets() - MADE_BY_THE_CHART and pod.kind != "Job" and pod.name != "airflow-postgresql":
            assert pod.annotations[REVISION] == "1", pod.name


def test_every_secret_that_is_read_is_made(
    objects: list[dict[str, Any]], found: list[Pod], root: dict[str, Any]
):
    made = {
        str(body["metadata"][0]["name"]).strip('"'): {str(key).strip('"') for key in body["data_wo"]}
        for block in root["resource"]
        for kind, named in block.items()
        if "kubernetes_secret_v1" in kind
        for body in named.values()
    }
    made |= {
        one["metadata"]["name"]: {*one.get("data", ()), *one.get("stringData", ())}
        for one in objects
        if one["kind"] == "Secret"
    }
    for name, _, container in each(found):
        for entry in container.get("env", ()):
            reference = entry.get("valueFrom", {}).get("secretKeyRef")
            assert not reference or reference["key"] in made[reference["name"]], f"{name}: {entry['name']}"


def test_a_pod_that_runs_tasks_is_left_where_it_is(request: pytest.FixtureRequest, found: list[Pod]):
    """Without the annotation the autoscaler evicts such a pod to empty a node."""
    which = request.node.callspec.params["objects"]
    runs = {
        "airflow LocalExecutor": "airflow-scheduler",
        "airflow CeleryExecutor": "airflow-worker",
        "airflow KubernetesExecutor": "airflow-config",  # the template of its pods
    }.get(which)
    assert {pod.name for pod in found if pod.annotations.get(EVICT) == "false"} >= ({runs} if runs else set())


def test_whoever_speaks_to_aws_in_python_finds_its_region(objects: list[dict[str, Any]], found: list[Pod]):
    """The test asks boto3, in a process with only the pod's environment."""
    accounts = {
        made["metadata"]["name"]
        for made in objects
        if made["kind"] == "ServiceAccount" and "eks.amazonaws.com/role-arn" in made["metadata"].get("annotations", {})
    }  # fmt: skip
    ask = "import boto3; print(boto3.client('dynamodb').meta.region_name)"
    environments = {
        tuple(sorted((entry["name"], entry["value"]) for entry in container["env"] if entry["name"].startswith("AWS_")))
        for name, pod, container in each(found)
        if pod.spec.get("serviceAccountName") in accounts and name.startswith(("airflow", "consumer")) and "git-sync" not in name
    }  # fmt: skip
    for environment in environments:
        alone = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **dict(environment)}
        asked = subprocess.run(
            [sys.executable, "-c", ask], env=alone, capture_output=True, text=True, check=False
        )
        assert asked.stdout == "ap-northeast-2\n", asked.stderr


def test_a_probe_that_starts_airflow_has_the_time_that_takes(found: list[Pod]):
    """`airflow jobs check` and celery's ping need five CPU seconds; the timeout must allow four times as much."""
    for name, _, container in each(found):
        for probe in (container[kind] for kind in PROBES if kind in container):
            command = " ".join(probe.get("exec", {}).get("command", ()))
            if "airflow jobs" in command or "celery" in command:
                share = min(1, cpu(container["resources"]["limits"]["cpu"]) / 1000)
                assert probe["timeoutSeconds"] * share >= 4 * 5, name
                assert probe["periodSeconds"] >= 20 * 5, f"{name}: more than a twentieth of a core"


def test_the_tasks_that_may_run_at_once_fit_the_memory(releases: dict[str, Release]):
    """A task with pymilvus needs 260 MB before it reads a line, and its worker process 350 MB."""
    values = releases["airflow"].values
    for at_once, where in (
        (values["config"]["core"]["parallelism"], values["scheduler"]),
        (values["config"]["celery"]["worker_concurrency"], values["workers"]["celery"]),
        (1, values["workers"]["kubernetes"]),
    ):
        assert 350 + at_once * 512 <= memory(where["resources"]["limits"]["memory"])


def test_no_chart_warns(releases: dict[str, Release], tmp_path: Path):
    for release in releases.values():
        archive = release.archive()
        if archive is not None:
            said = notes(archive, release.layers, release.namespace, tmp_path, release.name)
            assert "deprecat" not in said.lower(), f"{release.name}: {said}"


def test_whatever_runs_has_one_budget_that_finds_it(
    releases: dict[str, Release], tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("all")
    made = [
        {**one, "metadata": {"namespace": releases[which.split()[0]].namespace, **one["metadata"]}}
        for which in RENDERED[:7]
        for one in objects_of(releases, which, folder)
    ]
    budgets = [one for one in made if one["kind"] == "PodDisruptionBudget"]
    for pod in pods(made):
        matching = [
            budget["metadata"]["name"]
            for budget in budgets
            if budget["metadata"]["namespace"] == pod.namespace
            and budget["spec"]["selector"]["matchLabels"].items() <= pod.labels.items()
        ]
        assert len(matching) == (pod.kind in {"Deployment", "StatefulSet"}), pod.name


def test_the_autoscaler_is_of_the_clusters_version(objects: list[dict[str, Any]], found: list[Pod]):
    accepted = (ADDONS.parent / "terraform" / "cluster.tf").read_text("utf-8")
    assert f"contains({VERSIONS}, var.cluster_version)".replace("'", '"') in accepted
    default = re.search(r'variable "cluster_version" \{.*?default\s+= "(.*?)"', accepted, re.S)
    assert default
    for _, _, container in each(found):
        if "autoscaler" in container["image"]:
            assert f":v{default[1]}." in container["image"]


def test_the_worker_does_not_read_itself_and_the_shop_is_read(ours: list[dict[str, Any]]):
    said = {pod.name: pod.annotations for pod in pods(ours)}
    assert said["consumer"]["fluentbit.io/exclude"] == "true"
    assert "fluentbit.io/exclude" not in said["log-generator"]


def test_nothing_of_ours_may_ask_the_cluster(ours: list[dict[str, Any]]):
    assert all(pod.spec["automountServiceAccountToken"] is False for pod in pods(ours))


def test_one_class_is_the_default_and_it_encrypts(ours: list[dict[str, Any]]):
    (storage,) = [made for made in ours if made["kind"] == "StorageClass"]
    assert storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert storage["parameters"]["encrypted"] == "true"
    assert storage["parameters"]["type"] == "gp3"
    assert storage["allowVolumeExpansion"] is True


def policies(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        made["metadata"]["namespace"]: made["spec"] for made in objects if made["kind"] == "NetworkPolicy"
    }


def test_every_namespace_of_ours_has_a_policy_for_both_directions(ours: list[dict[str, Any]]):
    found = policies(ours)
    assert found.keys() == {"airflow", "cali", "logging", "milvus", "monitoring"}
    assert all(
        spec["policyTypes"] == ["Ingress", "Egress"] and spec["podSelector"] == {} for spec in found.values()
    )


def neighbours(spec: dict[str, Any], direction: str, side: str) -> set[tuple[str, int]]:
    """Return the namespaces that one side of a policy names, and the ports."""
    return {
        (peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
        for rule in spec[direction]
        for peer in rule[side]
        if "namespaceSelector" in peer
        for port in rule["ports"]
    }


def test_milvus_is_reached_by_those_who_search_and_reaches_nobody(ours: list[dict[str, Any]]):
    spec = policies(ours)["milvus"]
    assert {port["port"] for rule in spec["ingress"] for port in rule.get("ports", ())} == {19530}
    assert neighbours(spec, "ingress", "from") == {("airflow", 19530), ("cali", 19530)}
    assert {port["port"] for rule in spec["egress"] for port in rule.get("ports", ())} == {53}


def test_nobody_may_ask_the_nodes_metadata(ours: list[dict[str, Any]]):
    for rule in chain.from_iterable(spec["egress"] for spec in policies(ours).values()):
        for peer in rule["to"]:
            if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0":
                assert peer["ipBlock"]["except"] == ["169.254.169.254/32"]
                assert rule["ports"] == [{"protocol": "TCP", "port": 443}]


def test_who_speaks_to_whom_agrees_on_both_sides(ours: list[dict[str, Any]]):
    """If one policy allows egress, the policy of the other side must allow the ingress."""
    found = policies(ours)
    for name, spec in found.items():
        for other, port in neighbours(spec, "egress", "to") - {("kube-system", 53)}:
            assert (name, port) in neighbours(found[other], "ingress", "from")


def test_nothing_is_off_in_vain(tmp_path: Path):
    """Without the worker there is no service account, budget or other object of it."""
    made = rendered(ADDONS / "charts" / "cali", [{"logGenerator": {"enabled": False}}], "cali", tmp_path)
    assert made == []

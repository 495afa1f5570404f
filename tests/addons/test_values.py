"""Our values use only keys that the charts have, and agree with the first root."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.addons.conftest import ADDONS, ENVIRONMENTS, Release
from tests.addons.keys import known, unknown, version

CHARTS = ("airflow", "cluster-autoscaler", "fluent-bit", "grafana", "milvus")
ROLE = "eks.amazonaws.com/role-arn"


@pytest.mark.parametrize("chart", CHARTS)
def test_every_key_that_we_set_is_one_of_the_chart(chart: str, releases: dict[str, Release]):
    release = releases[chart.replace("-", "_")]
    for layer in release.layers:
        assert list(unknown(layer, known(chart))) == []


def test_a_key_that_the_chart_does_not_have_is_seen():
    allowed = frozenset({"a", "a.b", "c", "c.*"})
    assert list(unknown({"a": {"b": 1}, "c": {"anything": {"goes": 1}}}, allowed)) == []
    assert list(unknown({"a": {"z": 1}, "x": 1}, allowed)) == ["a.z", "x"]


@pytest.mark.parametrize("chart", CHARTS)
def test_the_extract_is_of_the_version_that_is_pinned(chart: str, releases: dict[str, Release]):
    release = releases[chart.replace("-", "_")]
    assert release.chart == chart
    assert release.version == version(chart).rstrip(":")


def accounts_of(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(values, dict):
        for key, value in values.items():
            if key == "serviceAccount" and isinstance(value, dict):
                yield ".".join((*path, key)), value
            else:
                yield from accounts_of(value, (*path, key))


def test_every_role_goes_to_the_service_account_that_it_is_for(
    releases: dict[str, Release], planned: dict[str, Any]
):
    """A role's trust policy names namespace and service account. Any other account is rejected when the pod requests
    the role."""
    trusted = {
        (account["namespace"], account["name"])
        for name, account in planned["outputs"]["service_accounts"]["value"].items()
        if name not in {"ebs-csi", "vpc-cni"}  # service accounts that EKS creates
    }
    used = {
        (release.namespace, account["name"])
        for release in releases.values()
        for _, account in accounts_of(release.values)
        if ROLE in account.get("annotations", {})
    }
    assert used == trusted


def test_milvus_is_where_the_balancer_looks_for_it(releases: dict[str, Release]):
    service = releases["milvus"].values["service"]
    wanted = (ADDONS.parent / "terraform" / "milvus.tf").read_text("utf-8")
    assert service["type"] == "NodePort"
    assert f"default     = {service['nodePort']}" in wanted
    assert f"milvus_port = {service['port']}" in wanted


def test_milvus_asks_for_a_password(releases: dict[str, Release]):
    settings = yaml.safe_load(releases["milvus"].values["extraConfigFiles"]["user.yaml"])
    assert settings["common"]["security"]["authorizationEnabled"] is True


def test_the_workers_settings_are_settings(releases: dict[str, Release]):
    from cali.core.settings import variables

    environment = releases["cali"].values["consumer"]["environment"]
    assert {name for name in environment if name.startswith("CALI_")} <= set(variables())
    assert all(isinstance(value, str) for value in environment.values())
    tasks = {entry["name"]: entry["value"] for entry in releases["airflow"].values["env"]}
    assert {name for name in tasks if name.startswith("CALI_")} <= set(variables())
    assert tasks.keys() - environment.keys() == {
        "CALI_GITHUB_SECRET"
    }  # for pull requests with learnt entries
    assert environment.keys() <= tasks.keys()
    assert all(tasks[name] == environment[name] for name in tasks.keys() & environment.keys())


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("addon", ["airflow", "base", "cluster_autoscaler", "consumer", "fluent_bit", "grafana", "log_generator", "milvus"])  # fmt: skip
def test_every_addon_has_its_layers_and_says_why(addon: str, environment: str):
    for name in ("README.md", "values.yaml", f"values-{environment}.yaml"):
        assert (ADDONS / addon / name).is_file(), f"eks_addons/{addon}/{name}"


def test_fluent_bit_is_told_what_its_configuration_asks_for(releases: dict[str, Release]):
    asked = set(re.findall(r"\$\{(\w+)\}", (ADDONS / "fluent_bit" / "fluent-bit.yaml").read_text("utf-8")))
    told = {entry["name"]: entry["value"] for entry in releases["fluent_bit"].values["env"]}
    assert asked == told.keys()
    assert all(told.values())

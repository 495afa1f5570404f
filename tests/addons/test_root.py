"""The second root as text: the errors that its providers would report, as far as they are known without them."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.addons.conftest import ADDONS


def text(value: Any) -> str:
    return str(value).strip('"')


def resources(root: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        text(name): body
        for block in root["resource"]
        for found, named in block.items()
        if text(found) == kind
        for name, body in named.items()
    }


def test_every_release_says_where_its_chart_is_from_and_which_one_it_is(root: dict[str, Any]):
    for name, release in resources(root, "helm_release").items():
        assert {"name", "chart", "namespace", "values"} <= release.keys(), name
        local = "path.module" in release["chart"]
        assert local or {"repository", "version"} <= release.keys(), name
        assert local or release["version"].startswith("${local.charts."), (
            f"{name}: pinned in versions.tf alone"
        )


def test_every_version_is_exact(root: dict[str, Any]):
    charts = next(block["charts"] for block in root["locals"] if "charts" in block)
    for name, chart in charts.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", text(chart["version"])), name
        assert text(chart["repository"]).startswith("https://"), name


def test_every_provider_has_bounds(root: dict[str, Any]):
    required = next(block["required_providers"][0] for block in root["terraform"])
    assert {name for name in required if not name.startswith("__")} == {"aws", "helm", "kubernetes"}
    for name in ("aws", "helm", "kubernetes"):
        assert re.search(r"~> \d|< \d", text(required[name]["version"])), name


def test_every_release_takes_its_layers_in_order(root: dict[str, Any]):
    for name, release in resources(root, "helm_release").items():
        layers = [text(layer) for layer in release["values"]]
        files = [
            re.findall(r"path\.module}/(\w+)/values(-\$\{var\.environment\})?\.yaml", layer)
            for layer in layers
        ]
        assert layers[-1].startswith("${yamlencode(local."), f"{name}: what Terraform knows comes last"
        assert all(len(found) == 1 for found in files[:-1]), name
        for below, above in zip(files[:-1:2], files[1:-1:2], strict=True):
            assert (below[0][0], bool(below[0][1]), bool(above[0][1])) == (above[0][0], False, True), name


def test_base_comes_before_what_stands_on_it(root: dict[str, Any]):
    found = resources(root, "helm_release")
    for name in found.keys() - {
        "base",
        "cluster_autoscaler",
    }:  # that one is in kube-system and claims no volume
        assert "${helm_release.base}" in found[name]["depends_on"], name


def test_every_namespace_that_is_used_is_made(root: dict[str, Any], worked_out: dict[str, dict[str, Any]]):
    written = "".join(file.read_text("utf-8") for file in ADDONS.glob("*.tf"))
    used = set(re.findall(r"kubernetes_namespace_v1\.main\[\"?([\w.]+)\"?\]", written))
    namespaces = next(block["namespaces"] for block in root["locals"] if "namespaces" in block)
    made = {re.sub(r'[${}()"]', "", name) for name in namespaces if not name.startswith("__")}
    assert used <= made


def test_no_secret_gets_into_the_state(root: dict[str, Any]):
    secrets = resources(root, "kubernetes_secret_v1")
    assert secrets
    for name, secret in secrets.items():
        assert "data_wo" in secret, name
        assert "data" not in secret, f"{name}: its value would be in the state"
        assert "data_wo_revision" in secret, f"{name}: without a revision it is never written"
    for release in resources(root, "helm_release").values():
        assert "local.secret" not in str(release)


def test_every_variable_says_what_it_is(root: dict[str, Any]):
    for block in root["variable"]:
        for name, variable in block.items():
            assert "description" in variable, name
            assert "type" in variable, name


def test_what_both_roots_ask_for_is_the_same_by_default(root: dict[str, Any]):
    """A value set in one root only, such as the executor, would bind roles to the wrong service account."""
    for name in ("name", "region", "airflow_executor"):
        here = next(
            text(block[key]["default"]) for block in root["variable"] for key in block if text(key) == name
        )
        there = next(
            found
            for file in (ADDONS.parent / "terraform").glob("*.tf")
            for found in re.findall(
                rf'variable "{name}" \{{.*?default\s+= "(.*?)"', file.read_text("utf-8"), re.S
            )
        )
        assert here == there


def test_the_root_is_formatted():
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not installed")
    done = subprocess.run(
        [program, "fmt", "-check", "-recursive", "."], cwd=ADDONS, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.stdout == ""

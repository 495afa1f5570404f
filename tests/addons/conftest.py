"""The second Terraform root, evaluated by Terraform without its providers.

The providers helm and kubernetes are missing here. So a copy of the root has an output in place of each release.
Terraform then evaluates every value, with the outputs of a mocked run of the first root.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import hcl2
import pytest
import yaml

from cali_ops.terraform import Terraform
from tests.addons.tools import chart
from tests.infrastructure.conftest import planned, plugins, terraform

__all__ = ["planned", "plugins", "terraform"]  # fixtures

ADDONS = Path(__file__).parents[2] / "eks_addons"
NAMESPACE = re.compile(r"kubernetes_namespace_v1\.main\[([^\]]+)\]\.metadata\[0\]\.name")
ENVIRONMENTS = ("dev", "prod")

TEST = """
mock_provider "aws" {
  mock_data "aws_subnet" {
    defaults = { cidr_block = "10.20.0.0/20" }
  }
}

override_data {
  target = data.terraform_remote_state.base
  values = { outputs = %s }
}
"""
RUN = """
run "%s" {
  command = apply
  variables {
    state_bucket    = "state"
    environment     = "%s"
    image_tag       = "0123456789ab"
    dags_repository = "https://example.com/cali.git"
    consumer        = true
  }
}
"""


class Release(NamedTuple):
    """A Helm release as Terraform evaluates it. `values` are all layers; later layers override earlier ones."""

    name: str
    chart: str
    version: str | None
    repository: str | None
    namespace: str
    layers: tuple[dict[str, Any], ...]

    @property
    def values(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for layer in self.layers:
            merged = over(merged, layer)
        return merged

    def archive(self) -> Path | None:
        """Return its chart: ours from the root, others only if they can be downloaded."""
        if self.version is None or self.repository is None:
            return ADDONS / "charts" / Path(self.chart).name
        return chart(self.chart, self.version, self.repository)


def over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Merge two values files as Helm does: maps are merged, other values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = over(merged[key], value) if both else value
    return merged


def blocks(text: str) -> list[str]:
    """Return the top-level blocks of a formatted file."""
    return re.findall(r"^[a-z].*?^\}$", text, re.M | re.S)


def as_outputs(text: str) -> str:
    """Remove the parts that need helm or kubernetes. Each release becomes an output of its arguments."""
    kept = []
    for block in blocks(text):
        head = block.split("\n", 1)[0]
        release = re.match(r'resource "helm_release" "(\w+)" \{', head)
        if release:
            body = re.sub(
                r"^  depends_on = .*$\n?", "", block.split("\n", 1)[1].rsplit("\n", 1)[0], flags=re.M
            )
            kept.append(f'output "{release[1]}" {{\n  value = {{\n{body}\n  }}\n}}')
        elif not re.match(r'resource "kubernetes_|provider "(helm|kubernetes)"|ephemeral ', head):
            kept.append(block)
    return NAMESPACE.sub(r"\1", "\n\n".join(kept))


@pytest.fixture(scope="session")
def worked_out(
    planned: dict[str, Any], plugins: Path | None, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Return the outputs of the copy, by environment."""
    folder = tmp_path_factory.mktemp("eks_addons")
    shutil.copytree(
        ADDONS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*", "*.tfvars")
    )
    for file in folder.glob("*.tf"):
        file.write_text(as_outputs(file.read_text("utf-8")), "utf-8")
    (folder / "versions.tf").write_text(
        'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
        + next(
            block
            for block in blocks((ADDONS / "versions.tf").read_text("utf-8"))
            if block.startswith("locals")
        )
    )
    (folder / "secrets.tf").unlink()
    base = {name: output["value"] for name, output in planned["outputs"].items()}
    (folder / "tests").mkdir()
    made = {}
    for environment in ENVIRONMENTS:
        test = TEST % json.dumps(base) + RUN % (environment, environment)
        (folder / "tests" / f"{environment}.tftest.hcl").write_text(test, "utf-8")
    root = Terraform(folder, plugins)
    root.init("-backend=false")
    for environment in ENVIRONMENTS:
        outputs = root.mocked(environment)["outputs"]
        made[environment] = {name: output["value"] for name, output in outputs.items()}
    return made


def release(found: dict[str, Any]) -> Release:
    """Return the release that an output describes."""
    return Release(
        found["name"],
        found["chart"],
        found.get("version"),
        found.get("repository"),
        found["namespace"],
        tuple(yaml.safe_load(layer) or {} for layer in found["values"]),
    )


@pytest.fixture(scope="session", params=ENVIRONMENTS)
def releases(request: pytest.FixtureRequest, worked_out: dict[str, dict[str, Any]]) -> dict[str, Release]:
    """Return all releases of an environment."""
    return {
        name: release(found)
        for name, found in worked_out[request.param].items()
        if isinstance(found, dict) and "values" in found
    }


@pytest.fixture(scope="session")
def root() -> dict[str, Any]:
    """Return all blocks of the root as written, by kind."""
    kinds: dict[str, Any] = {"resource": [], "variable": [], "terraform": [], "locals": [], "output": []}
    for file in sorted(ADDONS.glob("*.tf")):
        with file.open(encoding="utf-8") as opened:
            for kind, found in hcl2.load(opened).items():
                if kind in kinds:
                    kinds[kind] += found
    return kinds

"""Runner of Terraform on the root under terraform/, and on a copy with AWS mocked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cali.core.errors import Misconfigured
from cali_ops.cost import resources_in

LEFT_OUT = shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.tfstate.lock.info", "*.tfplan")


@dataclass(frozen=True, slots=True)
class Terraform:
    """The Terraform program on one folder. `plugins` is a folder with the provider, for machines without a network."""

    folder: Path
    plugins: Path | None = None

    def run(self, *arguments: str, shown: bool = False) -> str:
        """Run a command, and return its output, or print it with `shown`.

        Raise Misconfigured with Terraform's message if it fails.
        """
        program = shutil.which("terraform")
        if program is None:
            raise Misconfigured(
                "terraform is not installed: https://developer.hashicorp.com/terraform/install"
            )
        done = subprocess.run(  # noqa: S603 - our own arguments
            [program, *arguments],
            cwd=self.folder,
            check=False,
            text=True,
            capture_output=not shown,
            env=_environment(),
        )
        if done.returncode:
            said = "see above" if shown else (done.stderr.strip() or done.stdout.strip())
            raise Misconfigured(f"terraform {arguments[0]} failed in {self.folder.name}/: {said}")
        return done.stdout or ""

    def init(self, *arguments: str, shown: bool = False) -> None:
        """Run `terraform init`."""
        plugins = () if self.plugins is None else (f"-plugin-dir={self.plugins}",)
        self.run("init", "-input=false", "-no-color", *plugins, *arguments, shown=shown)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of the last apply by name."""
        return {name: one["value"] for name, one in json.loads(self.run("output", "-json")).items()}

    def addresses(self) -> frozenset[str]:
        """Return the addresses in the state. Return none if there is no state yet."""
        shown = json.loads(self.run("show", "-json"))  # `state list` fails before the first apply
        return (
            frozenset(resource.address for resource in resources_in(shown))
            if "values" in shown
            else frozenset()
        )

    def mocked(self, test: str) -> dict[str, Any]:
        """Return the final state of a run of tests/<test>.tftest.hcl."""
        said = self.run("test", "-json", "-verbose", f"-filter=tests/{test}.tftest.hcl")
        states = [
            line["test_state"]
            for line in map(json.loads, said.splitlines())
            if line.get("type") == "test_state"
        ]
        if not states:
            raise Misconfigured(f"terraform test tests/{test}.tftest.hcl applied nothing")
        state: dict[str, Any] = states[-1]
        return state


def planned_without_aws(terraform: Terraform) -> dict[str, Any]:
    """Return the resources that the root and its terraform.tfvars would create. AWS is mocked, so no account is needed."""
    downloaded = terraform.folder / ".terraform" / "providers"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "terraform")
        shutil.copytree(terraform.folder, copy, ignore=LEFT_OUT)
        plugins = terraform.plugins or (downloaded.resolve() if downloaded.is_dir() else None)
        mocked = Terraform(copy, plugins)
        mocked.init("-backend=false")
        return mocked.mocked("planned")


def _environment() -> dict[str, str]:
    """Return the environment without a missing TF_CLI_CONFIG_FILE, which gives a warning on every call."""
    configured = os.environ.get("TF_CLI_CONFIG_FILE")
    gone = {"TF_CLI_CONFIG_FILE"} if configured and not Path(configured).exists() else set()
    return {name: value for name, value in os.environ.items() if name not in gone}

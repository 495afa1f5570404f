"""Terraform on a copy of the root, so that the repository stays unchanged. Tests are skipped without Terraform or its
provider."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cali.core.errors import Misconfigured
from cali_ops.cost import Resource, resources_in
from cali_ops.terraform import Terraform
from tests.infrastructure.policies import Statement, allowing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cali_ops.calls import Clients

REGION = "ap-northeast-2"
ROOT = Path(__file__).parents[2] / "terraform"


def provider_mirror() -> Path | None:
    """Return a folder with the provider; None lets Terraform download it."""
    named = os.environ.get("CALI_TERRAFORM_PLUGINS")
    if named:
        return Path(named)
    searched = subprocess.run(
        [shutil.which("find") or "find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-name", "terraform-provider-aws_v5*", "-print", "-quit"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = searched.stdout.strip()
    return Path(found.partition("/registry.terraform.io")[0]) if "/registry.terraform.io" in found else None


def prepared(folder: Path, plugins: Path | None) -> Terraform:
    """Return an initialised Terraform on a copy of the root."""
    shutil.copytree(
        ROOT, folder, ignore=shutil.ignore_patterns("*.tfvars", ".terraform.lock.hcl"), dirs_exist_ok=True
    )
    shutil.rmtree(folder / ".terraform", ignore_errors=True)
    terraform = Terraform(folder, plugins)
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    try:
        terraform.init("-backend=false")
    except Misconfigured as error:
        pytest.skip(f"the AWS provider is neither here nor to be downloaded: {str(error)[:200]}")
    return terraform


@pytest.fixture(scope="session")
def plugins() -> Path | None:
    return provider_mirror()


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory, plugins: Path | None) -> Terraform:
    return prepared(tmp_path_factory.mktemp("terraform"), plugins)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Return the address of an emulated AWS that knows AWS's managed policies."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def clients(moto: str) -> Iterator[Clients]:
    """Return clients of an empty account on that AWS."""
    boto3 = pytest.importorskip("boto3")
    reset = urllib.request.Request(f"{moto}/moto-api/reset", method="POST")  # noqa: S310 - our own address
    urllib.request.urlopen(reset, timeout=120).close()  # noqa: S310 - our own address
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=moto,
                aws_access_key_id="local",
                aws_secret_access_key="local",
            )
        return made[service]

    yield client
    for one in made.values():
        one.close()


@pytest.fixture(scope="session")
def everything(terraform: Terraform) -> dict[str, Any]:
    """Return the state of the whole root with all options on, AWS mocked."""
    return terraform.mocked("everything")


@pytest.fixture(scope="session")
def planned(terraform: Terraform) -> dict[str, Any]:
    """Return the state of the root with its defaults, AWS mocked."""
    return terraform.mocked("planned")


@pytest.fixture(scope="session")
def resources(everything: dict[str, Any]) -> tuple[Resource, ...]:
    return resources_in(everything)


@pytest.fixture(scope="session")
def allowed(resources: tuple[Resource, ...]) -> list[Statement]:
    """Return every statement of a policy that allows something."""
    return allowing(resources)

"""`make addons` and `make images` as processes, against an emulated AWS, with fakes of terraform and docker that only
record their calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cali_ops import addons, images
from cali_ops.state_bucket import bucket_name
from tests.infrastructure.conftest import REGION, clients, moto

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cali_ops.calls import Clients

__all__ = ["clients", "moto"]  # fixtures

SECRETS = {name: f"cali/{name}" for name in addons.WANTED}
REPOSITORIES = {
    image.repository: f"123456789012.dkr.ecr.{REGION}.amazonaws.com/cali/{image.repository}"
    for image in images.IMAGES
}
APPLIED = {
    "cluster": {"name": "cali-cluster"},
    "image_repositories": REPOSITORIES,
    "secrets": SECRETS,
    "service_accounts": {},
}
# Record the folder, the arguments and standard input, and print the prepared answer.
FAKE = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    read = sys.stdin.read() if "--password-stdin" in sys.argv else ""
    log.write(json.dumps([os.path.basename(sys.argv[0]), os.path.basename(os.getcwd()), sys.argv[1:], read]) + "\\n")
if sys.argv[1:3] == ["output", "-json"]:
    print({outputs!r})
"""


class Asked(NamedTuple):
    """One call of a program."""

    program: str
    folder: str
    arguments: list[str]
    stdin: str


class Machine:
    """A machine with the fakes of terraform and docker."""

    def __init__(self, folder: Path, moto: str) -> None:
        self._log = folder / "asked"
        self._log.touch()
        self._programs = folder / "programs"
        self._programs.mkdir()
        self.roots = [folder / "terraform", folder / "eks_addons"]
        for root in self.roots:
            root.mkdir()
            (root / "versions.tf").touch()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CALI_"))}
        keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION}
        path = f"{self._programs}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**kept, **keys, "AWS_ENDPOINT_URL": moto, "PATH": path}
        self.has(APPLIED)

    def has(self, outputs: Mapping[str, object]) -> None:
        """Set the applied outputs of the first root."""
        said = json.dumps({name: {"value": value} for name, value in outputs.items()})
        for name in ("terraform", "docker"):
            program = self._programs / name
            program.write_text(FAKE.format(python=sys.executable, log=str(self._log), outputs=said))
            program.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cali_ops", "--folder", str(self.roots[0]), *arguments]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )

    def addons(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        dags = ("--dags", "https://example.com/cali.git")
        return self.run("addons", "--root", str(self.roots[1]), "--tag", "abc", *dags, *arguments)

    def asked(self) -> list[Asked]:
        return [Asked(*json.loads(line)) for line in self._log.read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path, moto: str, clients: Clients) -> Machine:
    for name in SECRETS.values():
        clients("secretsmanager").create_secret(Name=name)
    for image in images.IMAGES:
        clients("ecr").create_repository(repositoryName=f"cali/{image.repository}")
    return Machine(tmp_path, moto)


def push(clients: Clients, *repositories: str) -> None:
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    for number, repository in enumerate(repositories):
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"size": number}, "layers": []}
        clients("ecr").put_image(
            repositoryName=f"cali/{repository}", imageManifest=json.dumps(manifest), imageTag="abc"
        )
        clients("ecr").start_image_scan(repositoryName=f"cali/{repository}", imageId={"imageTag": "abc"})


def find(moto: str, repository: str, *findings: Mapping[str, str]) -> None:
    """Set the findings of the image scan."""
    said = {
        "imageScanFindings": {"findings": list(findings)},
        "repositoryName": f"cali/{repository}",
        "imageId": {"imageTag": "abc"},
        "imageScanStatus": {"status": "COMPLETE"},
    }
    body = json.dumps({"results": [said], "region": REGION}).encode()
    request = urllib.request.Request(f"{moto}/moto-api/static/ecr/scan-finding-results", body)  # noqa: S310 - this test's moto
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request).close()  # noqa: S310 - as above


def raised(clients: Clients) -> None:
    """Store the outputs that `make infra` leaves for roles without access to its state."""
    bucket = bucket_name("cali", "123456789012")
    clients("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    body = json.dumps({name: {"value": value} for name, value in APPLIED.items()})
    clients("s3").put_object(Bucket=bucket, Key="chalice/outputs.json", Body=body)


def test_the_second_root_is_applied_with_what_the_first_one_knows(machine: Machine, clients: Clients):
    push(clients, *REPOSITORIES)
    ran = machine.addons("--auto-approve")
    assert ran.returncode == 0, ran.stderr
    second = [call.arguments for call in machine.asked() if call.folder == "eks_addons"]
    assert [arguments[0] for arguments in second] == ["init", "plan", "apply"]
    assert "-backend-config=bucket=cali-terraform-state-123456789012" in second[0]
    assert {
        "-var=name=cali",
        f"-var=region={REGION}",
        "-var=state_bucket=cali-terraform-state-123456789012",
        "-var=environment=dev",
        "-var=image_tag=abc",
        "-var=dags_repository=https://example.com/cali.git",
    } <= set(second[1])
    kept = clients("secretsmanager").get_secret_value(SecretId="cali/milvus")["SecretString"]
    assert json.loads(kept)["token"] not in ran.stdout + ran.stderr
    assert "made: cali/milvus.token" in ran.stdout


def test_a_plan_changes_nothing_in_the_cluster(machine: Machine, clients: Clients):
    push(clients, *REPOSITORIES)
    ran = machine.addons("--plan-only")
    assert ran.returncode == 2
    assert "cali/milvus.token" in ran.stderr  # a plan fills no secret
    addons.fill(SECRETS, clients)
    assert machine.addons("--plan-only").returncode == 0
    assert "apply" not in [call.arguments[0] for call in machine.asked()]


def test_nothing_begins_without_the_images(machine: Machine, clients: Clients):
    push(clients, "consumer")
    ran = machine.addons("--auto-approve")
    assert ran.returncode == 2
    assert (
        ran.stderr.splitlines()[-1]
        == "cali: no image abc in airflow-custom, grafana-custom, log-generator: run `make images` first"
    )
    assert not [call for call in machine.asked() if call.folder == "eks_addons"]


def test_nothing_begins_without_the_first_root(machine: Machine):
    machine.has({})
    ran = machine.addons("--auto-approve")
    assert ran.returncode == 2
    assert "run `make infra` first" in ran.stderr


def test_a_no_changes_nothing(machine: Machine, clients: Clients):
    push(clients, *REPOSITORIES)
    ran = machine.addons()  # nobody answers the prompt
    assert ran.returncode == 130
    assert "apply" not in [call.arguments[0] for call in machine.asked()]


def test_images_are_built_and_pushed_unless_they_are_there(machine: Machine, clients: Clients):
    raised(clients)
    push(clients, "airflow-custom")
    ran = machine.run("images", "--tag", "abc")
    docker = [call for call in machine.asked() if call.program == "docker"]
    assert [call.arguments[0] for call in docker] == ["login", *["build", "push"] * 3]
    assert docker[0].stdin
    assert docker[2].arguments == ["push", f"{REPOSITORIES['consumer']}:abc"]
    assert "there already" in ran.stdout
    assert ran.returncode == 2  # this docker pushes nothing, so ECR has nothing to scan
    assert "ImageNotFound" in ran.stderr


def test_images_need_neither_terraform_nor_its_state(machine: Machine, clients: Clients):
    raised(clients)
    push(clients, *REPOSITORIES)
    ran = machine.run("images", "--tag", "abc")
    assert ran.returncode == 0, ran.stderr
    assert machine.asked() == []  # all images exist


def test_a_critical_flaw_stops_the_push_and_what_would_install_it(
    machine: Machine, clients: Clients, moto: str
):
    raised(clients)
    push(clients, *REPOSITORIES)
    find(moto, "consumer", {"name": "CVE-1", "severity": "CRITICAL"}, {"name": "CVE-2", "severity": "HIGH"})
    for ran in (machine.run("images", "--tag", "abc"), machine.addons("--auto-approve")):
        assert ran.returncode == 2
        assert "cali/consumer: CVE-1" in ran.stderr
        assert "CVE-2" not in ran.stderr
    assert not [call for call in machine.asked() if call.folder == "eks_addons"]

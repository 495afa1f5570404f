"""`chalice deploy` without `make deploy`: refused in one line before AWS is called, unless the stage is ready."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cali_ops import chalice_config, functions
from tests.stand_in import Asked, OneCallServer, Said

ROOT = Path(__file__).parents[2]
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
LAYER = "arn:aws:lambda:eu-west-1:111122223333:layer:cali-dependencies:1"


class Aws(OneCallServer):
    """An address that stands for all of AWS, refuses everything, and counts the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        super().__init__(self._refuse)

    def _refuse(self, asked: Asked) -> Said:
        self.calls.append(asked.path)
        return Said(403)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with Aws() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project as a fresh clone has it: nothing staged, only the stage `local` configured."""
    place = tmp_path / "chalice_app"
    shutil.copytree(
        ROOT / "chalice_app", place, ignore=shutil.ignore_patterns(".chalice", "vendor", "__pycache__")
    )
    (place / ".chalice").mkdir()
    config = {"version": "2.0", "app_name": "cali", "automatic_layer": False, "stages": {}}
    write(place, config | {"stages": {"local": chalice_config.stage("local", chalice_config.local())}})
    return place


def write(project: Path, config: object) -> None:
    (project / ".chalice" / "config.json").write_text(json.dumps(config), "utf-8")


def configure(project: Path, stage: str, layer: str = LAYER) -> None:
    """Do what `cali_ops.chalice_config` does."""
    config = json.loads((project / ".chalice" / "config.json").read_text("utf-8"))
    held = {**chalice_config.local(), **({"layer_arn": layer} if layer else {})}
    write(project, chalice_config.with_stage(config, stage, chalice_config.stage(stage, held)))


def chalice(project: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real Chalice, with keys that open nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CALI_"))}
    aws = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "eu-west-1"}
    if endpoint:
        aws["AWS_ENDPOINT_URL"] = endpoint
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHALICE, *arguments],
        cwd=project,
        env={**kept, **aws, "AWS_MAX_ATTEMPTS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", [("deploy",), ("deploy", "--stage", "prod"), ("package", "out")])
def test_a_fresh_clone_is_refused_in_one_line_before_aws_is_called(
    project: Path, aws: Aws, command: tuple[str, ...]
) -> None:
    done = chalice(project, aws.url, *command)

    stage = "prod" if "prod" in command else "dev"
    assert done.returncode == 2
    assert done.stderr == (
        f"cali: stage {stage!r} is not configured in .chalice/config.json; "
        f"run `make deploy STAGE={stage}` in the root of the repository\n"
    )
    assert aws.calls == []
    assert not (project / "out").exists()


def test_the_stage_of_the_local_cloud_is_never_deployed_to_aws(project: Path) -> None:
    functions.stage(project / "vendor" / "cali")
    configure(project, "local")

    done = chalice(project, "", "package", "--stage", "local", "out")

    assert done.returncode == 2
    assert done.stderr.startswith("cali: stage 'local' belongs to the local cloud; run `make cloud-local`")
    assert done.stderr.count("\n") == 1


def test_a_stage_without_its_layer_or_sources_is_refused(project: Path, aws: Aws) -> None:
    configure(project, "dev", layer="")
    without_layer = chalice(project, aws.url, "deploy")
    configure(project, "dev")
    without_sources = chalice(project, aws.url, "deploy")

    assert "has no layer with the dependencies; run `make deploy STAGE=dev`" in without_layer.stderr
    assert "are not staged in chalice_app/vendor/cali; run `make deploy STAGE=dev`" in without_sources.stderr
    assert (without_layer.returncode, without_sources.returncode) == (2, 2)
    assert aws.calls == []


def test_a_configured_stage_is_deployed_and_packaged(project: Path, aws: Aws) -> None:
    # Given what `make deploy` prepares
    configure(project, "dev")
    functions.stage(project / "vendor" / "cali")

    # When Chalice packages and deploys
    packaged = chalice(project, aws.url, "package", "out")
    deployed = chalice(project, aws.url, "deploy")

    # Then the package holds the sources, and the deployment gets as far as AWS, which refuses here
    assert packaged.returncode == 0, packaged.stderr
    with zipfile.ZipFile(project / "out" / "deployment.zip") as package:
        assert {"app.py", "cali/core/event_sources.py"} <= set(package.namelist())
    assert "cali: " not in deployed.stderr
    assert aws.calls


def test_commands_that_deploy_nothing_need_no_stage(project: Path, aws: Aws) -> None:
    done = chalice(project, aws.url, "dev", "appgraph")

    assert done.returncode == 0, done.stderr
    assert "sweep" in done.stdout

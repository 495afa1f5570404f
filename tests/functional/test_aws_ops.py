"""The steps around a deployment: event sources applied and compared, the functions' settings, the package, its
imports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cali.adapters.aws.event_mappings import Mappings, wanted
from cali.core.errors import Misconfigured
from cali.core.event_sources import SOURCES
from cali.core.settings import variables
from cali_ops import chalice_config, functions
from cali_ops.chalice_config import FUNCTIONS, stage, values
from cali_ops.layer import size_of, useless
from tests.functional.aws_account import BUCKET, REGION, Account, account

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "cali"
ROLE = "arn:aws:iam::123456789012:role/cali"


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


@pytest.fixture(scope="module")
def deployed(aws: Account) -> Any:
    """Return functions with the mappings that Chalice creates: batch size and window, nothing else."""
    aws.client("iam").create_role(RoleName="cali", AssumeRolePolicyDocument="{}")
    functions = aws.client("lambda")
    for source in SOURCES.values():
        functions.create_function(
            FunctionName=f"cali-dev-{source.function}",
            Runtime="python3.12",
            Role=ROLE,
            Handler="app.x",
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
        )
        functions.create_event_source_mapping(
            EventSourceArn=f"arn:aws:kinesis:{REGION}:123456789012:stream/{source.stream}",
            FunctionName=f"cali-dev-{source.function}",
            BatchSize=source.batch_size,
            MaximumBatchingWindowInSeconds=source.window,
            StartingPosition="TRIM_HORIZON",
        )
    return functions


def test_apply_makes_the_mappings_as_the_table_has_them_and_again_changes_nothing(deployed: Any) -> None:
    mappings = Mappings(deployed, "dev", BUCKET)
    before = mappings.verify()
    assert {difference.function for difference in before} == set(SOURCES)
    assert mappings.apply()
    assert mappings.verify() == []
    assert mappings.apply() == []


def test_verify_says_what_somebody_changed(deployed: Any) -> None:
    mappings = Mappings(deployed, "dev", BUCKET)
    mappings.apply()
    mapping = next(
        mapping
        for mapping in deployed.list_event_source_mappings()["EventSourceMappings"]
        if mapping["FunctionArn"].endswith("cali-dev-alert")
    )
    deployed.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=77)
    assert [str(difference) for difference in mappings.verify()] == ["alert: BatchSize is 77, should be 10"]


def test_a_mapping_that_is_not_there_is_said(aws: Account, deployed: Any) -> None:
    mappings = Mappings(deployed, "prod", BUCKET)
    assert str(mappings.verify()[0]) == ("analyze: mapping to cali-logs-stream is missing, should be there")
    with pytest.raises(Misconfigured, match="deploy the functions first"):
        mappings.apply()


def test_the_command_compares_and_exits_1_on_a_difference(aws: Account, deployed: Any) -> None:
    def run(do: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cali_ops.event_sources", do, "--stage", "dev"],
            env={**os.environ, "AWS_ENDPOINT_URL": aws.endpoint, "AWS_DEFAULT_REGION": REGION, **KEYS},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("apply").returncode == 0
    verified = run("verify")
    assert (verified.returncode, verified.stdout.count("\n")) == (0, 1)
    Mappings(deployed, "dev", "another-bucket").apply()
    differs = run("verify")
    assert differs.returncode == 1
    assert differs.stdout.count("DestinationConfig") == len(SOURCES)


def test_one_lane_a_shard_reads_the_logs() -> None:
    """Positions of a shard grow only within one lane. With more lanes, counts would be lost."""
    assert wanted(SOURCES["analyze"], BUCKET)["ParallelizationFactor"] == 1


KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
OUTPUT = {
    "app_name": "cali",
    "stage": "dev",
    "role_arns": {function.role: f"arn:aws:iam::1:role/cali-{function.role}" for function in FUNCTIONS},
    "subnet_ids": ["subnet-a", "subnet-b"],
    "security_group_ids": ["sg-1"],
    "logs_stream": "cali-logs-stream",
    "incidents_stream": "cali-incidents-stream",
    "incidents_table": "cali-incidents",
    "bucket": BUCKET,
    "milvus_uri": "http://milvus:19530",
    "secrets": {"slack": "cali/slack", "openai": "cali/openai", "grafana": "cali/grafana"},
    "model_dollars_per_day": 3,
}


def test_the_settings_come_from_what_terraform_made(tmp_path: Path) -> None:
    outputs, config = tmp_path / "outputs.json", tmp_path / ".chalice" / "config.json"
    outputs.write_text(json.dumps({"chalice": {"value": OUTPUT}}))
    asked = ["--stage", "dev", "--outputs", str(outputs), "--config", str(config), "--layer", "arn:layer:1"]
    assert chalice_config.main(asked) == 0
    first = config.read_text()
    assert chalice_config.main(asked) == 0
    assert config.read_text() == first
    assert chalice_config.main(["--stage", "local", "--config", str(config)]) == 0
    held = json.loads(config.read_text())
    dev = held["stages"]["dev"]
    assert set(held["stages"]) == {"dev", "local"}
    assert dev["layers"] == ["arn:layer:1"]
    assert dev["lambda_functions"]["diagnose"]["subnet_ids"] == ["subnet-a", "subnet-b"]
    assert "subnet_ids" not in dev["lambda_functions"]["analyze"]
    assert dev["lambda_functions"]["api_handler"]["iam_role_arn"] == "arn:aws:iam::1:role/cali-api"
    assert dev["environment_variables"]["CALI_SLACK_SECRET"] == "cali/slack"
    assert dev["environment_variables"]["CALI_DOLLARS_PER_DAY"] == "3"
    assert "sk-" not in config.read_text()


def test_every_variable_that_is_written_is_one_that_is_read() -> None:
    written = stage("dev", OUTPUT)["environment_variables"]
    assert {name for name in written if name.startswith("CALI_")} <= set(variables())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bucket": ""}, "lacks bucket"),
        ({"role_arns": {"analyze": "x"}}, "role_arns.diagnose"),
    ],
)
def test_what_terraform_has_not_made_is_named(change: dict[str, Any], why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        values({"chalice": {"value": {**OUTPUT, **change}}})
    with pytest.raises(Misconfigured, match="apply terraform/ first"):
        values({})


def test_another_installation_deploys_under_its_own_name(tmp_path: Path) -> None:
    # Given Terraform's outputs for an installation named cali-dr
    mine = {
        name: value.replace("cali-", "cali-dr-") if isinstance(value, str) else value
        for name, value in OUTPUT.items()
    }
    outputs, project = tmp_path / "outputs.json", tmp_path / "chalice_app"
    outputs.write_text(json.dumps({"chalice": {"value": {**mine, "app_name": "cali-dr"}}}))

    # When its settings are written, and Chalice reads the application
    shutil.copytree(ROOT / "chalice_app", project, ignore=shutil.ignore_patterns("vendor", ".chalice"))
    config = project / ".chalice" / "config.json"
    asked = ["--stage", "dev", "--outputs", str(outputs), "--config", str(config)]
    assert chalice_config.main(asked) == 0
    program = "import app; print(app.app.app_name, *sorted({one.stream for one in app.app.event_sources if hasattr(one, 'stream')}))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True
    )

    # Then its functions have its name, and read its streams
    assert json.loads(config.read_text())["app_name"] == "cali-dr"
    assert ran.stdout.split() == ["cali-dr", "cali-dr-incidents-stream", "cali-dr-logs-stream"]


def test_streams_of_another_installation_are_refused() -> None:
    with pytest.raises(
        Misconfigured, match="analyze of cali-dr reads cali-dr-logs-stream, Terraform made cali-logs-stream"
    ):
        stage("dev", {**OUTPUT, "app_name": "cali-dr"})


def test_roles_of_another_stage_are_refused() -> None:
    with pytest.raises(Misconfigured, match="stage 'dev', not 'prod'"):
        stage("prod", OUTPUT)


def test_the_committed_settings_are_what_the_command_writes() -> None:
    held = json.loads((ROOT / ".chalice" / "config.json").read_text())
    assert held["stages"]["local"] == stage("local", chalice_config.local())


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The package is made from a copy, so that files compiled by other tests are not in it."""
    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("package")
    leave = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
    for part in ("chalice_app", ".chalice"):
        shutil.copytree(ROOT / part, home / part, symlinks=True, ignore=leave)
    functions.stage(home / functions.STAGED)
    config = json.loads((home / ".chalice" / "config.json").read_text("utf-8"))
    config["stages"]["local"] = stage(
        "local", {**chalice_config.local(), "layer_arn": "arn:aws:lambda:eu-west-1:111122223333:layer:cali:1"}
    )
    (home / ".chalice" / "config.json").write_text(json.dumps(config), "utf-8")
    subprocess.run(
        [Path(sys.executable).parent / "chalice", "package", "--stage", "local", str(out)],
        cwd=home / "chalice_app",
        # the address marks the local cloud, to which the stage belongs; nothing is called
        env={
            **os.environ,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(out / "deployment.zip")


def test_the_package_is_small_and_holds_all_but_the_knowledge(package: zipfile.ZipFile) -> None:
    assert Path(str(package.filename)).stat().st_size < 1_000_000
    held = set(package.namelist())
    ours = {
        f"cali/{path.relative_to(SOURCE).as_posix()}"
        for path in SOURCE.rglob("*")
        if path.is_file()
        and path.relative_to(SOURCE).parts[0] in functions.PARTS
        and not {"__pycache__", "knowledge", "README.md"} & set(path.parts)
    }
    assert {name for name in held if name.startswith("cali/")} == ours  # the knowledge is in the layer
    assert {"app.py", "chalicelib/shell.py"} <= held


def test_analyze_is_imported_without_what_it_does_not_need(package: zipfile.ZipFile, tmp_path: Path) -> None:
    package.extractall(tmp_path)
    program = """
import sys
sys.path.insert(0, %r)
import app
assert callable(app.analyze)
from cali.bootstrap.aws import AwsParts
from cali.core.settings import Settings
AwsParts(Settings(incidents_table="t", incidents_stream="s")).refiner
import cali, cali.usecases.analyze_batch
assert cali.__file__.startswith(%r), cali.__file__
heavy = [name for name in ("pymilvus", "pandas", "numpy", "openai", "boto3") if name in sys.modules]
print(",".join(heavy))
"""
    program = program % (str(tmp_path), str(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert ran.stdout.strip() == ""


def test_what_functions_never_read_is_left_out_of_the_layer(tmp_path: Path) -> None:
    for name in (
        "pandas/core.py",
        "pandas/tests/x.py",
        "numpy/a.pyi",
        "openai/cli/x.py",
        "bin/tool",
        "grpc/x.so",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 500_000)
    left_out = {path.relative_to(tmp_path).as_posix() for path in useless(tmp_path)}
    assert left_out == {"bin", "openai/cli", "pandas/tests", "numpy/a.pyi"}
    assert size_of(tmp_path) == 3.0

"""The layer is published through S3, and both its sizes are limited."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cali_ops.layer import KEY, ZIPPED, build
from tests.functional.aws_account import REGION, Account, account

ROOT = Path(__file__).parents[2]
STATE = "cali-dr-terraform-state-123456789012"


@pytest.fixture
def aws() -> Iterator[Account]:
    with account() as made:
        where = {"LocationConstraint": REGION}
        made.client("s3").create_bucket(Bucket=STATE, CreateBucketConfiguration=where)
        yield made


def publish(aws: Account, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of `make deploy` for the installation cali-dr, in a folder with a built layer."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    return subprocess.run(
        [sys.executable, "-m", "cali_ops.layer", "publish", "--name", "cali-dr", "--python", "3.12"],
        env={**os.environ, **keys, "AWS_ENDPOINT_URL": aws.endpoint, "PYTHONPATH": str(ROOT / "src")},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )


def built(home: Path, size: int) -> Path:
    path = home / "layers" / "build" / "layer.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("python/module.py", b"#" * size)
    return path


def test_a_layer_above_what_a_request_takes_is_published(aws: Account, tmp_path: Path) -> None:
    # Given a layer of 52 MB; Lambda accepts 50 in a request
    path = built(tmp_path, 52_000_000)

    # When it is published
    done = publish(aws, tmp_path)

    # Then Lambda has it, from the state bucket of its installation
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().endswith(":layer:cali-dr-dependencies:1")
    held = aws.client("s3").head_object(Bucket=STATE, Key=KEY)
    assert held["ContentLength"] == path.stat().st_size
    version = aws.client("lambda").get_layer_version(LayerName="cali-dr-dependencies", VersionNumber=1)
    assert version["Content"]["CodeSize"] == path.stat().st_size


def test_a_layer_above_its_zipped_budget_is_refused_in_one_line(aws: Account, tmp_path: Path) -> None:
    built(tmp_path, (ZIPPED + 1) * 1_000_000)
    done = publish(aws, tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{ZIPPED + 1}.0 MB zipped, the budget is {ZIPPED} MB" in done.stderr
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=STATE)


def test_a_build_does_not_depend_on_what_an_interrupted_one_left(tmp_path: Path) -> None:
    # Given a layer of an earlier build, of which a part is in the way, and the folders of builds that were killed
    home = tmp_path / "layers"
    (home / "build" / "python" / "cali_knowledge").mkdir(parents=True)
    (home / "build" / "python" / "left.txt").write_text("of an earlier build")
    for name in (".building-old", ".building-running"):
        (home / name / "python" / "cali_knowledge").mkdir(parents=True)
    os.utime(home / ".building-old", (1_000, 1_000))
    (home / "requirements.txt").write_text("# nothing\n")

    # When the layer is built
    place = build(f"{sys.version_info.major}.{sys.version_info.minor}", "x86_64", home)

    # Then it is whole, nothing of the earlier build is in it, and only a build that may still run keeps its folder
    assert place == home / "build" / "python"
    with zipfile.ZipFile(home / "build" / "layer.zip") as archive:
        names = archive.namelist()
    assert any(name.startswith("python/cali_knowledge/knowledge-") for name in names)
    assert not [name for name in names if "left.txt" in name]
    assert sorted(path.name for path in home.iterdir()) == [".building-running", "build", "requirements.txt"]

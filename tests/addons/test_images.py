"""The Dockerfiles, parsed without Docker, and the real staging of their contexts."""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cali.core.errors import Misconfigured
from cali_ops import images
from tests.addons.conftest import ADDONS

ROOT = ADDONS.parent
FOLDERS = [image.folder for image in images.IMAGES]
GENERATE = ADDONS / "images" / "log-generator" / "generate.py"


def instructions(folder: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, with continued lines joined."""
    text = (ADDONS / "images" / folder / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return [(line.split(maxsplit=1)[0].upper(), line.split(maxsplit=1)[1]) for line in lines]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_base_is_pinned_and_may_be_pinned_by_content(folder: str):
    found = instructions(folder)
    defaults = dict(value.split("=", 1) for name, value in found if name == "ARG")
    bases = [value.split(" AS ")[0] for name, value in found if name == "FROM"]
    assert len(bases) == 2, "one stage builds, the other runs"
    assert len(set(bases)) == 1
    names = re.findall(r"\$\{(\w+)\}", bases[0])
    assert len(names) == 2
    tag, digest = (defaults[name] for name in names)
    assert re.match(r"\d+\.\d+\.\d+", tag), "a tag of one release"
    assert digest == "", "a digest is given by whoever builds"


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_runs_as_somebody_who_is_not_root(folder: str):
    users = [value for name, value in instructions(folder) if name == "USER"]
    user = users[-1].split(":")[0]
    assert user.isdigit(), "by number, or Kubernetes cannot see that it is not root"
    assert int(user) > 0


@pytest.mark.parametrize("folder", FOLDERS)
def test_whatever_is_installed_is_pinned_by_hash(folder: str):
    for name, value in instructions(folder):
        if name != "RUN":
            continue
        for install in re.findall(r"pip install [^&]*", value):
            assert "--require-hashes" in install or re.search(r"--no-deps \./\*\.whl", install), install
        assert "curl" not in value
        assert "apt-get" not in value


@pytest.mark.parametrize(
    "requirements", [image.requirements for image in images.IMAGES if image.requirements]
)
def test_every_requirement_has_a_hash(requirements: str):
    text = (ROOT / requirements).read_text("utf-8")
    pins = re.findall(r"^([a-z0-9][^\s=]*)==\S+.*?(?=^[a-z0-9]|\Z)", text, re.M | re.S)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_secret_and_no_surprise_is_copied(folder: str):
    for name, value in instructions(folder):
        assert name != "ADD"
        if name == "COPY" and "--from=" not in value:
            sources = [part for part in value.split()[:-1] if not part.startswith("--")]
            assert set(sources) <= {"requirements.txt", "*.whl", "generate.py"}


def test_the_uids_are_those_of_the_manifests():
    pod = (ADDONS / "charts" / "cali" / "templates" / "_pod.tpl").read_text("utf-8")
    for folder in ("consumer", "log-generator"):
        user = next(value for name, value in instructions(folder) if name == "USER").split(":")[0]
        assert f"runAsUser: {user}" in pod


def test_airflow_is_the_release_that_the_chart_is_told():
    values = (ADDONS / "airflow" / "values.yaml").read_text("utf-8")
    release = re.search(r'^airflowVersion: "(.*)"', values, re.M)
    assert release
    assert f"ARG AIRFLOW={release[1]}-" in (ADDONS / "images" / "airflow" / "Dockerfile").read_text("utf-8")
    assert f"apache-airflow=={release[1]} " in (ROOT / "requirements" / "airflow.txt").read_text("utf-8")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("src", "requirements", "eks_addons/images"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    images.stage(folder)
    return folder / images.STAGED


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_context_holds_whatever_its_dockerfile_copies(staged: Path, folder: str):
    for name, value in instructions(folder):
        if name == "COPY" and "--from=" not in value:
            for source in (part for part in value.split()[:-1] if not part.startswith("--")):
                assert list((staged / folder).glob(source)), source


def test_only_what_is_missing_is_built_and_pushed():
    repositories = {image.repository: f"1.dkr.ecr/cali/{image.repository}" for image in images.IMAGES}
    steps = images.plan(
        repositories, "abc", frozenset({"consumer", "airflow-custom", "grafana-custom"}), "linux/amd64"
    )
    assert [step.command[:2] for step in steps] == [("docker", "build"), ("docker", "push")]
    assert steps[1].command[2] == "1.dkr.ecr/cali/log-generator:abc"


def test_a_tag_does_not_lie(tmp_path: Path):
    def git(*arguments: str) -> None:
        subprocess.run(
            [shutil.which("git") or "git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments],
            cwd=tmp_path, check=True, capture_output=True,
        )  # fmt: skip

    # Given a repository without any source of the images
    git("init", "-q")
    (tmp_path / "values.yaml").write_text("one")
    git("add", "values.yaml")
    git("commit", "-qm", "values")
    with pytest.raises(Misconfigured, match="give --tag"):
        images.tag(tmp_path)

    # When such a file is committed, the commit is the tag
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "file").write_text("one")
    git("add", "src")
    git("commit", "-qm", "one")
    tag = images.tag(tmp_path)
    assert re.fullmatch("[0-9a-f]{12}", tag)

    # Then a change of another file, committed or not, keeps the tag
    (tmp_path / "values.yaml").write_text("two")
    assert images.tag(tmp_path) == tag
    git("commit", "-qam", "two")
    assert images.tag(tmp_path) == tag

    # And there is no tag for uncommitted content
    (tmp_path / "src" / "file").write_text("two")
    with pytest.raises(Misconfigured, match="differ from the commit"):
        images.tag(tmp_path)
    git("commit", "-qam", "three")
    assert images.tag(tmp_path) != tag


def test_the_tag_covers_all_that_goes_into_an_image():
    for image in images.IMAGES:
        for path in filter(None, (image.requirements, f"eks_addons/images/{image.folder}")):
            assert any(path.startswith(f"{source}/") for source in images.SOURCES)
    assert {"src", "pyproject.toml"} <= set(images.SOURCES)


def run_generator(*arguments: str) -> subprocess.Popen[bytes]:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.Popen(
        [sys.executable, GENERATE, *arguments], stdout=subprocess.PIPE, env={"PATH": path}
    )


def test_the_generator_runs_again_with_other_lines():
    process = run_generator("--runs", "2", "--lines", "40")
    out, _ = process.communicate(timeout=60)
    lines = out.splitlines()
    assert process.returncode == 0
    assert len(lines) == 80
    assert lines[:40] != lines[40:]


def test_the_generator_stops_when_it_is_told():
    process = run_generator("--rate", "5", "--lines", "9000")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert len(rest.splitlines()) < 8_000  # at five lines a second, all faults take half an hour


def test_the_generator_ends_when_a_run_fails():
    process = run_generator("--scenario", "no-such-scenario")
    process.communicate(timeout=30)
    assert process.returncode == 2


def test_the_generator_imports_what_its_image_has():
    """It runs `cali` as a program, so it may import only the standard library."""
    spec = importlib.util.spec_from_file_location("generate", GENERATE)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    imports = re.findall(r"^(?:from|import) (\w+)", GENERATE.read_text("utf-8"), re.M)
    assert set(imports) <= set(sys.stdlib_module_names)

"""Builder of the project's own images: creates their build contexts under out/images/, builds them with Docker, and
pushes them to ECR.

    wheel of cali + a folder of eks_addons/images/ + its pinned requirements -> context -> docker build -> docker push

The tag is the last commit that changed the sources of the images. Tags in ECR are immutable, so an existing image is
not pushed again.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured
from cali_ops.calls import Call, ask, perform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cali_ops.calls import Clients

FOLDERS = Path("eks_addons/images")
STAGED = Path("out/images")
SOURCES = ("src", "requirements", "pyproject.toml", "eks_addons/images")  # the sources of the images
ACCEPTED = FOLDERS / "accepted.txt"


@dataclass(frozen=True, slots=True)
class Image:
    """An image. `repository` is its key in the output image_repositories. An image that contains cali has a file of
    requirements; its context gets them with the wheel of cali."""

    repository: str
    folder: str
    requirements: str | None = None


IMAGES = (
    Image("airflow-custom", "airflow", "requirements/airflow.txt"),
    Image("consumer", "consumer", "requirements/run.txt"),
    Image("grafana-custom", "grafana"),
    Image("log-generator", "log-generator", "eks_addons/images/log-generator/requirements.txt"),
)


@dataclass(frozen=True, slots=True)
class ImageStep:
    """One program to run, and the reason. `secret` is passed on standard input."""

    command: tuple[str, ...]
    why: str
    secret: str = ""


def tag(root: Path = Path()) -> str:
    """Return the last commit that changed the sources of the images. Raise Misconfigured if a source file has
    uncommitted changes, because the tag would not identify the content."""
    if _said(("git", "status", "--porcelain", "--untracked-files=no", "--", *SOURCES), root):
        raise Misconfigured(
            "images: files that they are made of differ from the commit, so its name would be wrong; commit them or give --tag"
        )
    found = _said(("git", "log", "-1", "--format=%H", "--", *SOURCES), root)
    if not found:
        raise Misconfigured(f"images: no commit of {', '.join(SOURCES)} here; give --tag")
    return found[:12]


def stage(root: Path = Path()) -> tuple[Path, ...]:
    """Create the build contexts and return their folders."""
    target = root / STAGED
    shutil.rmtree(target, ignore_errors=True)
    wheels = target / "wheels"
    _run(
        ImageStep(
            (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
             "--no-build-isolation", "--wheel-dir", str(wheels.resolve()), "."),
            "cali's wheel",
        ),
        root,
    )  # fmt: skip
    contexts = []
    for image in IMAGES:
        context = target / image.folder
        shutil.copytree(root / FOLDERS / image.folder, context)
        if image.requirements is not None:
            shutil.copy(root / image.requirements, context / "requirements.txt")
            for wheel in wheels.glob("*.whl"):
                shutil.copy(wheel, context)
        contexts.append(context)
    return tuple(contexts)


def present(tag: str, name: str, clients: Clients) -> frozenset[str]:
    """Return the repositories that have an image with this tag."""
    return frozenset(image.repository for image in IMAGES if _has(f"{name}/{image.repository}", tag, clients))


def plan(repositories: Mapping[str, str], tag: str, there: frozenset[str], platform: str) -> list[ImageStep]:
    """Return the build and push steps in order. `repositories` is the output `image_repositories`."""
    steps = []
    for image in IMAGES:
        if image.repository in there:
            continue
        url = f"{repositories[image.repository]}:{tag}"
        context = str(STAGED / image.folder)
        build = ("docker", "build", "--pull", "--platform", platform, "--tag", url, context)
        steps += [
            ImageStep(build, f"build {image.repository}"),
            ImageStep(("docker", "push", url), f"push {image.repository}"),
        ]
    return steps


def login(repositories: Mapping[str, str], clients: Clients) -> ImageStep:
    """Return the step that logs Docker in to ECR for twelve hours."""
    answer = perform(Call("ecr", "get_authorization_token"), clients)
    token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
    user, _, password = token.partition(":")
    registry = next(iter(repositories.values())).partition("/")[0]
    return ImageStep(
        ("docker", "login", "--username", user, "--password-stdin", registry), "log in to ECR", password
    )


def perform_all(steps: Sequence[ImageStep], root: Path = Path()) -> None:
    """Run the steps with their output shown. Raise Misconfigured if one fails."""
    if shutil.which("docker") is None:
        raise Misconfigured("docker is not installed: https://docs.docker.com/engine/install/")
    for step in steps:
        _run(step, root)


def _has(repository: str, tag: str, clients: Clients) -> bool:
    call = Call("ecr", "batch_get_image", {"repositoryName": repository, "imageIds": [{"imageTag": tag}]})
    found = ask(call, clients)
    return bool(found and found["images"])


def _run(step: ImageStep, root: Path) -> None:
    done = subprocess.run(step.command, cwd=root, check=False, text=True, input=step.secret or None)  # noqa: S603 - our own arguments
    if done.returncode:
        raise Misconfigured(
            f"{step.why}: {' '.join(step.command[:3])} ended with {done.returncode}, see above"
        )


def _said(command: tuple[str, ...], root: Path) -> str:
    done = subprocess.run(command, cwd=root, check=False, text=True, capture_output=True)  # noqa: S603 - our own arguments
    if done.returncode:
        raise Misconfigured(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()

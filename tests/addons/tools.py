"""helm, and what Kubernetes says of its objects: fetched once from PyPI by hash, into out/tools/."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).parents[2]
PINS = Path(__file__).with_name("tools.txt")
TOOLS = ROOT / "out" / "tools"


@cache
def wheels() -> tuple[Path, ...]:
    """The pinned wheels. Skips where they are neither here nor to be had."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    pins = [line.split("==") for line in PINS.read_text("utf-8").splitlines() if "==" in line]
    names = [f"{name.replace('-', '_').replace('.', '_')}-{rest.split()[0]}-" for name, rest in pins]
    found = [next(TOOLS.glob(f"{name}*.whl"), None) for name in names]
    if None in found:
        fetched = subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
             "--require-hashes", "-d", str(TOOLS), "-r", str(PINS)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if fetched.returncode:
            pytest.skip(f"helm and the schemas cannot be fetched: {fetched.stderr.strip()[-200:]}")
        found = [next(TOOLS.glob(f"{name}*.whl"), None) for name in names]
    return tuple(path for path in found if path is not None)


@cache
def helm() -> Path:
    """The program helm."""
    program = TOOLS / "helm"
    if not program.exists():
        wheel = zipfile.ZipFile(wheels()[0])
        inner = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(inner))) as archive:
            layer = archive.extractfile(
                next(name for name in archive.getnames() if name.endswith("layer.zip"))
            )
            assert layer is not None
            content = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
        program.write_bytes(content)
        program.chmod(0o755)
    return program


def rendered(
    chart: Path, values: Sequence[dict[str, Any]], namespace: str, folder: Path
) -> list[dict[str, Any]]:
    """The objects that a chart makes of values, the later ones over the earlier."""
    options = []
    for number, one in enumerate(values):
        file = folder / f"values-{number}.yaml"
        file.write_text(yaml.safe_dump(one), "utf-8")
        options += ["-f", str(file)]
    done = subprocess.run(
        [helm(), "template", chart.name, chart, "-n", namespace, *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [made for made in yaml.safe_load_all(done.stdout) if made]


class Schemas:
    """The strict schemas of one version: a field that Kubernetes does not know is an error."""

    def __init__(self, version: str) -> None:
        self._wheel = zipfile.ZipFile(next(path for path in wheels() if "kubernetes_validate" in path.name))
        self._folder = f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict/"
        self._definitions = Registry().with_resource(
            "/api/_definitions.json", self._read("_definitions.json")
        )

    def errors(self, made: dict[str, Any]) -> list[str]:
        """What is wrong with an object."""
        group, _, version = made["apiVersion"].rpartition("/")
        parts = [made["kind"].lower(), *([group.split(".")[0]] if group else []), version]
        schema = self._read(f"{'-'.join(parts)}.json").contents
        validator = jsonschema.Draft202012Validator(schema, registry=self._definitions)
        return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(made)]

    def _read(self, name: str) -> Resource[Any]:
        contents = json.loads(self._wheel.read(self._folder + name))
        return Resource.from_contents(contents, default_specification=DRAFT202012)


def containers(objects: Iterable[dict[str, Any]]) -> Iterable[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, pod and container of all that runs."""
    for made in objects:
        if made["kind"] in {"Deployment", "DaemonSet", "StatefulSet"}:
            pod = made["spec"]["template"]["spec"]
            for container in pod["containers"]:
                yield f"{made['metadata']['name']}/{container['name']}", pod, container

"""helm and the schemas of Kubernetes, from PyPI by hash into out/tools/; charts of others, from their repositories into out/charts/."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).parents[2]
PINS = Path(__file__).with_name("tools.txt")
TOOLS = ROOT / "out" / "tools"
CHARTS = ROOT / "out" / "charts"


@cache
def wheels() -> tuple[Path, ...]:
    """Return the pinned wheels. Skip the test if they are neither stored nor downloadable."""
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
    """Return the path of helm."""
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


@cache
def chart(name: str, version: str, repository: str) -> Path | None:
    """Return the archive of a chart, or None if it is neither stored nor downloadable."""
    archive = CHARTS / f"{name}-{version}.tgz"
    if not archive.exists():
        CHARTS.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=CHARTS) as folder:  # another process may do the same
            pull = [str(helm()), "pull", name, "--repo", repository, "--version", version, "-d", folder]
            if subprocess.run(pull, capture_output=True, check=False).returncode:
                return None
            (Path(folder) / archive.name).replace(archive)
    return archive


def _helm(command: Sequence[str], values: Sequence[dict[str, Any]], namespace: str, folder: Path) -> str:
    """Run helm with values. Later layers override earlier ones."""
    options = []
    for number, one in enumerate(values):
        file = folder / f"values-{number}.yaml"
        file.write_text(yaml.safe_dump(one), "utf-8")
        options += ["-f", str(file)]
    done = subprocess.run(
        [helm(), *command, "-n", namespace, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(
    chart: Path, values: Sequence[dict[str, Any]], namespace: str, folder: Path, name: str = ""
) -> list[dict[str, Any]]:
    """Return the objects that a chart renders with values."""
    text = _helm(["template", name or chart.name, str(chart)], values, namespace, folder)
    return [made for made in yaml.safe_load_all(text) if made]


def notes(chart: Path, values: Sequence[dict[str, Any]], namespace: str, folder: Path, name: str) -> str:
    """Return the text that the chart prints after an installation. It contains the chart's warnings."""
    return _helm(["install", name, str(chart), "--dry-run=client"], values, namespace, folder).partition(
        "NOTES:"
    )[2]


class Schemas:
    """The strict schemas of one version: a field that Kubernetes does not know is an error."""

    def __init__(self, version: str) -> None:
        self._wheel = zipfile.ZipFile(next(path for path in wheels() if "kubernetes_validate" in path.name))
        self._folder = f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict/"
        self._definitions = Registry().with_resource(
            "/api/_definitions.json", self._read("_definitions.json")
        )
        self._of: dict[str, Any] = {}

    def errors(self, made: dict[str, Any]) -> list[str]:
        """Return the errors in an object."""
        group, _, version = made["apiVersion"].rpartition("/")
        parts = [made["kind"].lower(), *([group.split(".")[0]] if group else []), version]
        name = f"{'-'.join(parts)}.json"
        if name not in self._of:
            schema = self._read(name).contents
            self._of[name] = jsonschema.Draft202012Validator(schema, registry=self._definitions)
        found = self._of[name].iter_errors(made)
        return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in found]

    def _read(self, name: str) -> Resource[Any]:
        contents = json.loads(self._wheel.read(self._folder + name))
        return Resource.from_contents(contents, default_specification=DRAFT202012)


@cache
def schemas(version: str) -> Schemas:
    """Return the schemas of a version, which are read once."""
    return Schemas(version)


class Pod(NamedTuple):
    """A pod: the object that creates it, and the pod's labels, annotations and specification."""

    kind: str
    name: str
    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Return all containers, including init containers."""
        return [*(self.spec.get("initContainers") or ()), *self.spec["containers"]]

    def secrets(self) -> set[str]:
        """Return the names of the secrets that the pod reads."""
        named = {
            entry["valueFrom"]["secretKeyRef"]["name"]
            for container in self.containers
            for entry in container.get("env", ())
            if "secretKeyRef" in entry.get("valueFrom", ())
        }
        return named | {
            volume["secret"]["secretName"] for volume in self.spec.get("volumes", ()) if "secret" in volume
        }


def pods(objects: Iterable[dict[str, Any]]) -> Iterator[Pod]:
    """Return each pod of these objects. The pod of Airflow's KubernetesExecutor is in a ConfigMap."""
    for made in objects:
        template, kind = made.get("spec", {}).get("template"), made["kind"]
        if kind == "ConfigMap" and "pod_template_file.yaml" in made["data"]:
            template, kind = yaml.safe_load(made["data"]["pod_template_file.yaml"]), "Pod"
        if template:
            metadata = template["metadata"]
            yield Pod(
                kind,
                made["metadata"]["name"],
                made["metadata"].get("namespace", ""),
                metadata.get("labels", {}),
                metadata.get("annotations", {}),
                template["spec"],
            )

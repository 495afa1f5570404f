"""A deployed function as files on this machine: exactly its zip and layers. The packages of Lambda's runtime (its
client and boto3) are linked beside them. The packages of the development environment are not visible, so a missing
dependency fails here as on Lambda.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cloud.aws import Account

OF_THE_RUNTIME = (
    *("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"),
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"),
)


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed function. `sha` identifies its code, `revision` also its configuration."""

    name: str
    arn: str
    handler: str
    role: str
    sha: str
    revision: str
    timeout: float
    memory: int
    concurrency: int | None  # reserved concurrency; None without a reservation
    environment: dict[str, str]
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Files:
    """The folder of a function's code, and the search path of its dependencies."""

    task: Path
    path: tuple[Path, ...]


def function(client: Any, name: str) -> Function:
    """Return the deployed function of this name."""
    answer = client.get_function(FunctionName=name)
    found = answer["Configuration"]
    layers = tuple(layer["Arn"] for layer in found.get("Layers") or ())
    environment = (found.get("Environment") or {}).get("Variables") or {}
    state = (
        found["CodeSha256"],
        found["Handler"],
        found["Timeout"],
        found["MemorySize"],
        environment,
        layers,
    )
    return Function(
        name=name,
        arn=found["FunctionArn"],
        handler=found["Handler"],
        role=found["Role"],
        sha=found["CodeSha256"],
        revision=hashlib.sha256(repr(state).encode()).hexdigest(),
        timeout=float(found["Timeout"]),
        memory=int(found["MemorySize"]),
        concurrency=(answer.get("Concurrency") or {}).get("ReservedConcurrentExecutions"),
        environment=dict(environment),
        layers=layers,
    )


class Shelf:
    """A cache that unpacks each code and layer once, keyed by the digest of the content."""

    def __init__(self, account: Account, home: Path) -> None:
        self._account = account
        self._home = home

    def files(self, of: Function) -> Files:
        """Return the function's files. Raise RuntimeError if the stored content is not the deployed content."""
        zipped = self._account.code("function", of.name)
        digest = base64.b64encode(hashlib.sha256(zipped).digest()).decode()
        if digest != of.sha:
            raise RuntimeError(f"{of.name}: the stored code has the digest {digest}, not {of.sha}")
        task = self._unzipped(zipped)
        layers = [self._unzipped(self._account.code("layer", arn)) for arn in of.layers]
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        places = [
            place for layer in layers for place in (layer / "python/lib" / version / "site-packages", layer / "python")
        ]  # fmt: skip
        return Files(task, (task, *places, self._runtime()))

    def _unzipped(self, zipped: bytes) -> Path:
        place = self._home / hashlib.sha256(zipped).hexdigest()[:16]
        if not place.exists():
            building = place.with_suffix(".building")
            with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
                archive.extractall(building)
            building.rename(place)
        return place

    def _runtime(self) -> Path:
        """Return a folder with the packages of Lambda's Python image, linked from the development environment."""
        place = self._home / "runtime"
        if not place.exists():
            building = self._home / "runtime.building"
            building.mkdir(parents=True)
            for name in OF_THE_RUNTIME:
                found = importlib.util.find_spec(name)
                if found is None or found.origin is None:
                    shutil.rmtree(building)
                    raise RuntimeError(f"the local cloud needs the package {name}; make setup installs it")
                source = Path(found.origin)
                source = source.parent if source.name == "__init__.py" else source
                (building / source.name).symlink_to(source)
            building.rename(place)
        return place

"""The packages that training reads: pinned by version, size and hash, one a line, in a dated file."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cali.core.errors import Misconfigured

LATEST = Path(__file__).with_name("packages-2026-11-30.txt")
LARGEST = 40_000_000  # bytes of an archive
_DATE = re.compile(r"packages-(\d{4}-\d\d-\d\d)\.txt")


class Package(NamedTuple):
    """A pinned archive of a registry: pypi, debian or npm."""

    registry: str
    name: str
    version: str
    file: str
    size: int
    sha256: str

    @property
    def project(self) -> str:
        """Name of the project, for packages of the same system in several registries."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def date(path: Path) -> str:
    """Return the date in the name of a list. Raise Misconfigured for another name."""
    found = _DATE.fullmatch(path.name)
    if not found:
        raise Misconfigured(f"{path}: a list of packages is named packages-YYYY-MM-DD.txt")
    return found[1]


def read(path: Path) -> list[Package]:
    """Return the packages of a list. Raise Misconfigured if the list cannot be read."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read: {error}") from error
    found = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or line.startswith("#"):
            continue
        if len(fields) != 6 or not fields[4].isdigit():
            raise Misconfigured(f"{path}:{number}: expected registry, name, version, file, bytes and sha256")
        registry, name, version, file, size, digest = fields
        found.append(Package(registry, name, version, file, int(size), digest))
    return found


def write(path: Path, packages: list[Package], title: str) -> None:
    """Write a list of packages."""
    rows = [" ".join(map(str, package)) for package in sorted(packages)]
    path.write_text("\n".join([f"# {title}", *rows]) + "\n", "utf-8")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def pinned(registry: str, name: str, archive: Path) -> Package:
    """Return the package of a downloaded archive."""
    version = _version(registry, archive.name)
    return Package(registry, name, version, archive.name, archive.stat().st_size, digest(archive))


def _version(registry: str, file: str) -> str:
    if registry == "debian":
        return file.split("_", 1)[1].split(".orig", 1)[0]
    if registry == "npm":
        return re.sub(r"^.*?-(\d[\w.+-]*)\.tgz$", r"\1", file)
    return re.sub(r"\.(?:tar\.gz|zip)$", "", file.split("-")[1])

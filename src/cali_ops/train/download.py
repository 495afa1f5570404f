"""Downloads of pinned packages through the clients of their registries: pip, apt-get, npm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cali.core.errors import Misconfigured
from cali_ops.train.packages import Package, digest

_SECONDS = 300
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")


def archive(package: Package, cache: Path) -> Path:
    """Return the archive of a package, downloaded if the cache lacks it. Raise Misconfigured if its hash differs."""
    path = cache / package.registry / package.file
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as folder:
            command = _command(package.registry, package.name, package.version, cache)
            _run(command, Path(folder), f"{package.name} {package.version}")
            got = Path(folder) / package.file
            if not got.is_file():
                raise Misconfigured(
                    f"{package.name} {package.version}: no longer available; run `pin` for a new list"
                )
            got.replace(path)
    if digest(path) != package.sha256:
        raise Misconfigured(f"{path}: not the file that was pinned; remove it, or run `pin` for a new list")
    return path


def newest(registry: str, name: str, folder: Path, cache: Path) -> Path:
    """Return the archive of the newest version of a package."""
    _run(_command(registry, name, "", cache), folder, name)
    found = sorted(path for path in folder.iterdir() if not path.name.endswith(".asc"))
    if not found:
        raise Misconfigured(f"{registry} {name}: nothing was downloaded; check the name")
    return found[0]


def _command(registry: str, name: str, version: str, cache: Path) -> list[str]:
    if registry == "pypi":
        return [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary=:all:", "--python-version", "3.11", "--platform", "any"),
            *("--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"),
            *("--dest", ".", f"{name}=={version}" if version else name),
        ]
    if registry == "npm":
        return ["npm", "pack", "--silent", f"{name}@{version}" if version else name]
    return ["apt-get", *_apt_options(cache), "source", "--download-only", "--tar-only", "-qq", name]


def _apt_options(cache: Path) -> list[str]:
    """Return options that give apt-get the sources of Debian and state of its own, and update its lists once."""
    state = (cache / "apt").resolve()
    sources = state / "debian.sources"
    options = [
        *("-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"),
        *(
            "-o",
            f"Dir::State::lists={state}/lists",
            "-o",
            f"Dir::Cache={state}/cache",
            "-o",
            "APT::Sandbox::User=root",
        ),
    ]
    if not sources.is_file():
        if not _SOURCES.is_file():
            raise Misconfigured(f"{_SOURCES}: missing; the sources of Debian can be read on Debian only")
        for folder in ("lists/partial", "cache/archives/partial"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        _run(["apt-get", *_with_source(options, sources), "update", "-qq"], state, "the lists of Debian")
    return options


def _with_source(options: list[str], sources: Path) -> list[str]:
    sources.write_text(_SOURCES.read_text("utf-8").replace("Types: deb\n", "Types: deb-src\n"), "utf-8")
    return options


def _run(command: list[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed client with pinned names
            command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise Misconfigured(f"{command[0]}: not installed; it downloads {what}") from error
    except subprocess.TimeoutExpired as error:
        raise Misconfigured(f"{what}: not downloaded within {_SECONDS} s; run it again") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Misconfigured(f"{what}: {command[0]} failed: {reason}")

"""Builds the dependency layer: pinned wheels for Lambda, compiled, without files that functions never read.

    python -m cali_ops.layer build [--python 3.12] [--arch x86_64]      layers/build/python, layers/build/layer.zip
    python -m cali_ops.layer lock                                        pins layers/requirements.in by hash
    python -m cali_ops.layer publish                                     uploads it and prints its ARN

Chalice deploys for the Python version that runs it, so the layer is built for that version by default. Lambda's disk
is read-only: without .pyc files every cold start would compile all modules. The .pyc files replace the sources: a
traceback through a dependency shows files and lines without their text.
"""

from __future__ import annotations

import argparse
import compileall
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING

from cali.core.errors import CaliError, Misconfigured
from cali_ops.state_bucket import bucket_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HOME = Path("layers")
NAME = "cali"
BUDGET = 150  # MB unzipped; Lambda's limit for a function with its layers is 250
ZIPPED = 60  # MB zipped; each deployment uploads it through S3, because a request holds at most 50
BUILDING = ".building-"  # begins the name of a folder in which a layer is being built
ABANDONED = 3600.0  # seconds after which such a folder belongs to a build that was killed
KEY = "chalice/layer.zip"  # in the state bucket, where the release role may write
PLATFORMS = {
    "x86_64": (
        "manylinux_2_28_x86_64",
        "manylinux_2_27_x86_64",
        "manylinux_2_17_x86_64",
        "manylinux2014_x86_64",
    ),
    "arm64": (
        "manylinux_2_28_aarch64",
        "manylinux_2_27_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    ),
}
# Packages in Lambda's image. The layer must not contain older versions of them.
LAMBDA_HAS = ("boto3", "botocore", "s3transfer", "setuptools")
# Files and folders that no function reads. The tests of the functions run without them.
USELESS_FOLDERS = {"tests", "__pycache__", "include", "docs", "examples", "benchmarks"}
USELESS_ENDS = (".pyi", ".pxd", ".pyx", ".c", ".h", ".hpp", ".lib", ".a", ".md", ".rst")
USELESS_PLACES = (
    "bin",
    "numpy/f2py",
    "numpy/distutils",
    "numpy/_pyinstaller",
    "pymilvus/bulk_writer/examples",
    "openai/cli",
    "openai/helpers",
)


def build(python: str, arch: str, home: Path = HOME) -> Path:
    """Build the layer, and return its folder. Raise Misconfigured if it is larger than the budget.

    Each build works in a folder of its own and then replaces `build`. An interrupted build, or one that still runs,
    does not disturb the next.
    """
    _forget_interrupted(home)
    place = Path(tempfile.mkdtemp(dir=home, prefix=BUILDING))
    try:
        _build(python, arch, home, place / "python")
        if (home / "build").exists():
            (home / "build").rename(place / "before")
        (place / "built").mkdir()
        for made in ("python", "layer.zip"):
            (place / made).rename(place / "built" / made)
        (place / "built").rename(home / "build")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(f"{home / 'build' / 'layer.zip'}: {size_of(home / 'build' / 'layer.zip'):.1f} MB")
    return home / "build" / "python"


def _forget_interrupted(home: Path) -> None:
    """Delete the folders of builds that were killed."""
    for left in home.glob(f"{BUILDING}*"):
        if time.time() - left.stat().st_mtime > ABANDONED:
            shutil.rmtree(left, ignore_errors=True)


def _build(python: str, arch: str, home: Path, target: Path) -> None:
    _install(python, arch, home / "requirements.txt", target)
    for path in useless(target):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    _knowledge(target)
    _compile(python, target)
    size = size_of(target)
    largest = sorted(((size_of(path), path.name) for path in target.iterdir()), reverse=True)[:8]
    print(f"layer for python{python} on {arch}: {size:.1f} MB unzipped, budget {BUDGET} MB")
    print("largest: " + ", ".join(f"{name} {megabytes:.1f}" for megabytes, name in largest))
    if size > BUDGET:
        raise Misconfigured(f"the layer is {size:.1f} MB, its budget is {BUDGET} MB")
    _zip(target, target.with_name("layer.zip"))
    _fits(target.with_name("layer.zip"))


def useless(root: Path) -> Iterable[Path]:
    """Yield the files and folders of packages that no function reads."""
    found = [root / place for place in USELESS_PLACES if (root / place).exists()]
    for path in sorted(root.rglob("*")):
        if path.is_dir():
            if path.name in USELESS_FOLDERS:
                found.append(path)
        elif path.suffix in USELESS_ENDS and "dist-info" not in path.parts:
            found.append(path)
    return found


def size_of(place: Path) -> float:
    """Return the megabytes of a file, or of all files in a folder."""
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1_000_000


def _install(python: str, arch: str, requirements: Path, target: Path) -> None:
    if arch not in PLATFORMS:
        raise Misconfigured(f"--arch {arch}: none of {', '.join(PLATFORMS)}")
    platforms = [word for platform in PLATFORMS[arch] for word in ("--platform", platform)]
    _run(
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes",
        "--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms,
        "--target", str(target), "--requirement", str(requirements),
    )  # fmt: skip


def _knowledge(target: Path) -> None:
    """Write the knowledge base, and its validated form, because parsing the YAML takes seconds. In the functions'
    package it would be half of the size."""
    from cali.stages.retrieve.knowledge import LAYER, load, shipped

    place = target / LAYER
    place.mkdir(parents=True)
    shutil.copytree(shipped(), place / shipped().name)
    (place / "__init__.py").write_text(
        '"""The knowledge base of the release that this layer was built with."""\n'
    )
    load(cache=place)


def _compile(python: str, target: Path) -> None:
    """Replace the sources by compiled files. The sources would be a fifth of the layer. The target's own Python compiles
    them, because bytecode is specific to a version. The files are not checked against their sources, because file times
    change in a layer."""
    if python == f"{sys.version_info.major}.{sys.version_info.minor}":
        compileall.compile_dir(
            target, quiet=2, legacy=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
        )
    else:
        interpreter = shutil.which(f"python{python}")
        if interpreter is None:
            raise Misconfigured(f"--python {python}: compiling needs python{python} on the path")
        _run(
            interpreter, "-m", "compileall", "-qq", "-b", "--invalidation-mode", "unchecked-hash", str(target)
        )
    for source in target.rglob("*.py"):
        if source.with_suffix(".pyc").exists():
            source.unlink()


def _zip(target: Path, path: Path) -> None:
    """Write a reproducible archive: the same content gives the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in sorted(file for file in target.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(f"python/{file.relative_to(target).as_posix()}", (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def lock(python: str, arch: str, home: Path = HOME) -> None:
    """Pin the newest versions by hash, as close as possible to the project's own pins."""
    platform = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}[arch]
    left_out = [word for name in LAMBDA_HAS for word in ("--no-emit-package", name)]
    pins = home / "build" / "constraints.txt"
    pins.parent.mkdir(exist_ok=True)
    pins.write_text(_pins(Path("requirements/run.txt"), home / "overrides.txt"))
    _run(
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--python-version", python, "--python-platform", platform,
        "--generate-hashes", "--no-header", "--no-emit-index-url", "--constraint", str(pins),
        "--override", str(home / "overrides.txt"), *left_out,
        "--output-file", str(home / "requirements.txt"), str(home / "requirements.in"),
    )  # fmt: skip


def _pins(requirements: Path, overrides: Path) -> str:
    """Return the project's own pins, except packages with another version in the layer, and markers of Python
    versions."""
    named = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", re.MULTILINE)
    others = {name for name, _ in named.findall(overrides.read_text("utf-8"))}
    pins = named.findall(requirements.read_text("utf-8"))
    often = Counter(name for name, _ in pins)
    kept = [pin for pin in pins if pin[0] not in others and often[pin[0]] == 1]
    return "".join(f"{name}=={version}\n" for name, version in kept)


def publish(python: str, arch: str, name: str = NAME, home: Path = HOME) -> str:
    """Publish the built layer as a new version, and return its ARN."""
    from cali.adapters.aws import clients as aws

    path = home / "build" / "layer.zip"
    if not path.is_file():
        raise Misconfigured(f"{path}: not built yet: python -m cali_ops.layer build")
    _fits(path)
    layer = f"{name}-dependencies"
    with aws.mapped_errors(f"layer {layer}"):
        bucket = bucket_name(name, aws.client("sts").get_caller_identity()["Account"])
        with path.open("rb") as body:
            aws.client("s3").put_object(Bucket=bucket, Key=KEY, Body=body)
        answer = aws.client("lambda").publish_layer_version(
            LayerName=layer,
            Content={"S3Bucket": bucket, "S3Key": KEY},
            CompatibleRuntimes=[f"python{python}"],
            CompatibleArchitectures=[arch],
        )
    return str(answer["LayerVersionArn"])


def _fits(path: Path) -> None:
    """Raise Misconfigured when the zipped layer is larger than its budget."""
    size = path.stat().st_size / 1_000_000
    if size > ZIPPED:
        raise Misconfigured(
            f"{path}: {size:.1f} MB zipped, the budget is {ZIPPED} MB; leave out what no function reads (USELESS_PLACES)"
        )


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - no shell, our own words
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise Misconfigured(f"{' '.join(command[1:4])} failed: {lines[-1]}")


def main(arguments: Sequence[str] | None = None) -> int:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser = argparse.ArgumentParser("python -m cali_ops.layer", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("do", choices=["build", "lock", "publish"])
    parser.add_argument("--python", default=here, help=f"the runtime's version (default: {here}, this one)")
    parser.add_argument("--arch", default="x86_64", choices=sorted(PLATFORMS))
    parser.add_argument("--name", default=NAME, help="the installation's name, with `publish`")
    given = parser.parse_args(arguments)
    try:
        if given.do == "build":
            build(given.python, given.arch)
        elif given.do == "lock":
            lock(given.python, given.arch)
        else:
            print(publish(given.python, given.arch, given.name))
    except CaliError as error:
        print(f"cali: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Learn the severity model from the logging statements of open-source systems: python -m cali_ops.train.

`train` reads the pinned packages and writes the model and its report. `pin` writes a new list with the newest versions.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from cali.core.errors import CaliError
from cali.stages.refine.severity import by_words
from cali.stages.refine.severity_model import Opinion
from cali_ops.train import archives, download, fit, model_file, packages, report
from cali_ops.train.examples import Example, examples
from cali_ops.train.packages import Package
from cali_ops.train.statements import Statement

MODELS = Path(__file__).parents[2] / "cali" / "data" / "models"
_MINERS = ("archives.py", "logging_calls.py", "python_source.py", "statements.py")


def mined(listed: Iterable[Package], cache: Path) -> list[Statement]:
    """Return the statements of packages. The cache keeps those of each archive."""
    miner = sha256(b"".join(Path(__file__).with_name(name).read_bytes() for name in _MINERS)).hexdigest()[:12]
    found: list[Statement] = []
    for package in listed:
        kept = cache / "mined" / f"{package.sha256[:24]}-{miner}.json"
        if not kept.is_file():
            statements = archives.mine(download.archive(package, cache), package.registry)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(statements), "utf-8")
            print(f"{package.name} {package.version}: {len(statements)} statements", file=sys.stderr)
        found += [Statement(package.project, *row) for row in json.loads(kept.read_text("utf-8"))]
    return found


def train(
    listed: Sequence[Package], version: str, cache: Path, *, projects: int = fit.PROJECTS
) -> tuple[bytes, str]:
    """Return the model file and its report. A feature must stand in `projects` projects."""
    statements = mined(listed, cache)
    found = examples(statements)
    seen = [example for example in found if not example.held_out]
    weights = fit.fit(seen, projects=projects)
    model = model_file.model(version, weights)
    body = model_file.dumps(version, weights)
    counts = (
        f"Model file: {len(body)} bytes, sha256 {sha256(body).hexdigest()}.\n\n"
        f"{len(set(statements))} statements of {len({package.project for package in listed})} projects;"
        f" {len(seen)} examples of {len(_projects(seen))} projects in training, {len(weights.by_hash)} weights."
    )
    return body, report.document(
        model,
        [example for example in found if example.held_out],
        counts,
        lambda text: report.is_error(by_words(text, Opinion.NONE)),
        lambda text: report.is_error(by_words(text, model.opinion(text))),
    )


def _projects(found: Iterable[Example]) -> set[str]:
    return {example.project for example in found}


def pin(names: Path, target: Path, cache: Path) -> None:
    """Write a list with the newest versions of the packages whose registry and name `names` gives."""
    packages.date(target)
    found = []
    for line in names.read_text("utf-8").splitlines():
        if line.split() and not line.startswith("#"):
            registry, name = line.split()[:2]
            with TemporaryDirectory() as folder:
                got = download.newest(registry, name, Path(folder), cache)
                if got.stat().st_size > packages.LARGEST:
                    print(f"{name}: {got.stat().st_size} bytes are too many, left out", file=sys.stderr)
                    continue
                found.append(packages.pinned(registry, name, got))
    packages.write(target, found, "registry name version file bytes sha256")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m cali_ops.train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("do", choices=["train", "pin"])
    parser.add_argument("--packages", type=Path, default=packages.LATEST, help="list of pinned packages")
    parser.add_argument(
        "--names", type=Path, default=packages.LATEST, help="with `pin`: registries and names"
    )
    parser.add_argument("--cache", type=Path, default=Path("out/train"), help="folder for downloads")
    parser.add_argument("--out", type=Path, default=MODELS, help="folder for the model and its report")
    given = parser.parse_args(arguments)
    try:
        if given.do == "pin":
            pin(given.names, given.packages, given.cache)
            return 0
        version = packages.date(given.packages)
        body, text = train(packages.read(given.packages), version, given.cache)
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / f"severity-{version}.json").write_bytes(body)
        (given.out / f"severity-{version}.md").write_text(text, "utf-8")
    except (CaliError, OSError) as error:
        print(f"cali: {error}", file=sys.stderr)
        return 2
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

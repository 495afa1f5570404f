"""Benchmark of the imports in a cold start. Each handler runs in a new process, from the built layer and the staged
sources.

    make layer && python -m cali_ops.cold_start

The package of a function has no .pyc files; the layer has only .pyc files. `import` is the part before the first
event. Then come the packages and CALI's own modules that the first event needs. Creating clients and calling AWS are
not measured. The times are processor times, which other processes hardly change.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
LAYER = ROOT / "layers" / "build" / "layer.zip"
RUNS = 3
# Packages in Lambda's Python image.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
SHELL = ("aws_lambda_powertools.logging", "aws_lambda_powertools.tracing", "aws_lambda_powertools.metrics")
BATCH = "aws_lambda_powertools.utilities.batch"
HEAVY = ("pymilvus", "pandas", "openai")


class ColdStart(NamedTuple):
    """A function, the packages and own modules that its first event imports, and two limits in milliseconds:
    `import_limit` for the import alone, `limit` for the import and the packages together."""

    name: str
    packages: tuple[str, ...]
    own: tuple[str, ...]
    import_limit: float = 300
    limit: float = 800


HANDLERS = (
    ColdStart(
        "analyze",
        ("boto3", *SHELL),
        ("cali.usecases.analyze_batch", "cali.stages.refine.refiner", "cali.adapters.aws.dynamodb_shared"),
    ),
    ColdStart(
        "diagnose",
        ("pymilvus", "openai", BATCH, *SHELL),
        (
            *("cali.usecases.diagnose", "cali.stages.reason", "cali.stages.retrieve"),
            *("cali.adapters.milvus.index", "cali.adapters.openai.model", "boto3"),
        ),
    ),
    ColdStart(
        "alert",
        ("boto3", BATCH, *SHELL),
        ("cali.bootstrap.alerts", "cali.adapters.aws.dynamodb_alerts", "cali.adapters.slack.webhook"),
    ),
    ColdStart("enrich", SHELL, ("cali.usecases.enrich", "cali.stages.refine.refiner")),
    ColdStart(
        "sweep",
        ("boto3", *SHELL),
        ("cali.usecases.sweep", "cali.usecases.analyze_batch", "cali.bootstrap.alerts"),
    ),
)

_MEASURE = """
import sys, time, json
sys.path[:0] = json.loads(sys.argv[1])
begun = time.process_time()
import app
getattr(app, sys.argv[2])
imported = time.process_time()
light = [name for name in json.loads(sys.argv[4]) if name in sys.modules]
times = [imported - begun]
for names in json.loads(sys.argv[3]):
    started = time.process_time()
    for name in names:
        __import__(name)
    times.append(time.process_time() - started)
heavy = [name for name in json.loads(sys.argv[4]) if name in sys.modules]
print(json.dumps([*times, light, heavy]))
"""


class StartTimes(NamedTuple):
    """Times in milliseconds, and the heavy packages that were loaded after the import and after the first use."""

    imported: float
    packages: float
    own: float
    at_import: tuple[str, ...]
    at_use: tuple[str, ...]


def unpacked(home: Path, layer: Path) -> list[str]:
    """Return the search path of a function: its package, the layer, and the packages of the runtime."""
    task, runtime = home / "task", home / "runtime"
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "vendor", ".chalice")
    shutil.copytree(ROOT / "chalice_app", task, ignore=ignore)
    shutil.copytree(ROOT / "src" / "cali", task / "cali", ignore=ignore)
    (task / "chalice").mkdir()
    for name in ("__init__.py", "app.py"):  # the only modules of Chalice in a package
        shutil.copy(_place("chalice") / name, task / "chalice")
    with zipfile.ZipFile(layer) as archive:
        archive.extractall(home / "layer")
    runtime.mkdir()
    for name in RUNTIME:
        source = _place(name)
        (runtime / source.name).symlink_to(source)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    layers = [home / "layer" / "python" / "lib" / version / "site-packages", home / "layer" / "python"]
    return [str(place) for place in (task, *layers, runtime)]


def measured(path: list[str], handler: ColdStart, runs: int = RUNS) -> StartTimes:
    """Return the median of some new processes. The first process only fills the file cache and is not counted."""
    python = getattr(sys, "_base_executable", sys.executable)
    given = [json.dumps(path), handler.name, json.dumps([handler.packages, handler.own]), json.dumps(HEAVY)]
    said = []
    for _ in range(runs + 1):
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            [python, "-B", "-S", "-E", "-c", _MEASURE, *given], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{handler.name}: {done.stderr.strip().splitlines()[-1]}")
        said.append(json.loads(done.stdout))
    times = (statistics.median(one[place] for one in said[1:]) * 1000 for place in range(3))
    imported, packages, own = times
    return StartTimes(imported, packages, own, tuple(said[-1][3]), tuple(said[-1][4]))


def _place(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise RuntimeError(f"{name} is not installed; `make setup` does it")
    source = Path(found.origin)
    return source.parent if source.name == "__init__.py" else source


def main() -> int:
    if not LAYER.exists():
        print(f"{LAYER.relative_to(ROOT)} is missing: `make layer` builds it", file=sys.stderr)
        return 2
    print("milliseconds of one core; limits in brackets: of the import, of import and packages")
    print(f"{'handler':<10}{'import':>8}{'packages':>10}{'our own':>9}")
    failed = False
    with tempfile.TemporaryDirectory(prefix="cali-imports-") as home:
        path = unpacked(Path(home), LAYER)
        for handler in HANDLERS:
            took = measured(path, handler)
            slow = took.imported > handler.import_limit or took.imported + took.packages > handler.limit
            wrong = slow or bool(took.at_import) or (handler.name != "diagnose" and bool(took.at_use))
            failed = failed or wrong
            said = f" with {', '.join(took.at_use)}" if took.at_use else ""
            print(
                f"{handler.name:<10}{took.imported:>8.0f}{took.packages:>10.0f}{took.own:>9.0f}"
                f"  ({handler.import_limit:.0f}, {handler.limit:.0f}){said}{'  TOO MUCH' if wrong else ''}"
            )
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m lab`: lists, records and scores faults. Each runs in a namespace of its own, one at a time."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from cali.core.errors import CaliError, Misconfigured
from lab import namespace, recorder
from lab.rig import TooSlow, commands_missing
from lab.system import Healthy, Scene, System, systems

SECONDS = 400  # the longest run


def main(arguments: Sequence[str]) -> int:
    """Run a command of the lab. Return 0, or 1 if a run failed, or 2 if the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("list", "list the faults and healthy runs, with their splits"),
        ("record", "run and record those whose name begins with one of PREFIX"),
        ("renew", "write changed descriptions of faults into recordings that exist"),
        ("live", "run and score a sample, and store nothing"),
    ):
        sub = verbs.add_parser(verb, help=text, description=text)
        sub.add_argument("prefix", nargs="*", metavar="PREFIX", help="SYSTEM or SYSTEM-NAME")
        sub.add_argument("--out", type=Path, default=recorder.RECORDINGS, help="folder of the recordings")
        sub.add_argument("--missing", action="store_true", help="only those that have no recording yet")
        sub.add_argument("--count", type=int, default=20, help="live: number of runs")
        sub.add_argument("--seed", type=int, default=1, help="live: seed of the sample")
    options = parser.parse_args(arguments)
    try:
        chosen = _chosen(options.prefix)
        if options.verb == "list":
            return _list(chosen)
        if options.verb == "renew":
            done = sum(recorder.renew(system, scene, options.out) for system, scene in chosen)
            print(f"{done} recordings renewed")
            return 0
        if options.verb == "live":
            return _live(chosen, options.count, options.seed)
        if namespace.inside():
            return _inside(chosen, options.out)
        return _record(chosen, options.out, missing=options.missing)
    except CaliError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2


Item = tuple[System, Scene]


def _chosen(prefixes: Sequence[str]) -> list[Item]:
    every: list[Item] = []
    for system in systems():
        every += [(system, scene) for scene in system.scenes()]
    wanted = tuple(prefixes) or ("",)
    found = [item for item in every if _name(item).startswith(wanted)]
    if not found:
        raise Misconfigured(
            f"no fault or healthy run begins with {', '.join(prefixes)}; see python -m lab list"
        )
    return found


def _name(item: Item) -> str:
    return f"{item[0].name}-{item[1].name}"


def _list(chosen: Sequence[Item]) -> int:
    for system, scene in chosen:
        sort = "healthy" if isinstance(scene, Healthy) else "fault"
        print(f"{_name((system, scene)):44} {sort:8} {scene.kind:24} {recorder.split(system, scene)}")
    faults = [(system, scene) for system, scene in chosen if not isinstance(scene, Healthy)]
    print(
        f"{len(faults)} faults of {len({scene.kind for _, scene in faults})} kinds in"
        f" {len({system.name for system, _ in faults})} systems, {len(chosen) - len(faults)} healthy runs"
    )
    return 0


def _record(chosen: Sequence[Item], out: Path, *, missing: bool) -> int:
    """Record each in a namespace of its own."""
    failed = 0
    out.mkdir(parents=True, exist_ok=True)
    for system, scene in chosen:
        name = _name((system, scene))
        if missing and list(out.glob(f"*/{name}.truth.json")):
            continue
        absent = commands_missing(system.packages)
        if absent:
            print(f"{name}: skipped, install {' '.join(absent)}")
            continue
        began = time.monotonic()
        os.environ["LAB_HOST"] = socket.gethostname()
        code = namespace.enter(["record", name, "--out", str(out.resolve())], SECONDS)
        failed += code != 0
        print(
            f"{name}: {'recorded' if code == 0 else f'failed ({code})'} in {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return int(failed > 0)


def _inside(chosen: Sequence[Item], out: Path) -> int:
    # names may be prefixes of each other; the shortest is the one that was asked for
    system, scene = min(chosen, key=lambda item: len(_name(item)))
    held = os.open(out, os.O_RDONLY | os.O_DIRECTORY) if out.is_dir() else None
    namespace.furnish()
    target = Path(f"/proc/self/fd/{held}") if held is not None else out
    try:
        recorder.record(system, scene, target)
    except (TooSlow, OSError) as error:
        print(f"lab: {_name((system, scene))}: {error}", file=sys.stderr)
        return 1
    return 0


def _live(chosen: Sequence[Item], count: int, seed: int) -> int:
    """Run a sample now, score it, and forget it."""
    import random

    sample = random.Random(seed).sample(list(chosen), min(count, len(chosen)))
    with tempfile.TemporaryDirectory(prefix="lab-", dir="/var/tmp") as folder:
        code = _record(sample, Path(folder), missing=False)
        from cali.cli import main as cali

        try:
            cali(["bench", "quality", "--recordings", folder, "--list"])
        except SystemExit as ended:
            code = code or int(ended.code or 0)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

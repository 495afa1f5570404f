"""Store of built indexes on disk. Each is a folder that is written atomically once, and never opened in place.

A process copies the folder it needs (some megabytes, about 10 ms) and opens its copy. So many processes can read at the
same time, the lock of a killed process blocks no other, and a read-only folder works. The files never change, so the
digests in the seal stay valid.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

SEAL = "seal.json"
LEFT_OUT = {SEAL, "LOCK"}
KEPT = 3  # indexes in a folder: the current one and two for a rollback


def take(home: Path, name: str, target: Path) -> bool:
    """Copy the index `name` to `target` if it exists and is complete. Return False if it must be built."""
    source = home / name
    try:
        seal = json.loads((source / SEAL).read_bytes())
        shutil.copytree(source, target)
        (target / SEAL).unlink()
        whole = bool(seal == _digests(target))  # digests of the copy, because the copy is opened
    except (OSError, ValueError, shutil.Error):
        whole = False
    if not whole:
        shutil.rmtree(target, ignore_errors=True)
    return whole


def publish(home: Path, name: str, source: Path) -> bool:
    """Publish the index in `source` as `name`, atomically. Return False if the folder cannot be written."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        waiting = Path(tempfile.mkdtemp(dir=home, prefix=".building-"))
    except OSError:
        return False
    try:
        shutil.copytree(source, waiting / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        (waiting / name / SEAL).write_text(json.dumps(_digests(waiting / name)))
        if (home / name).exists():  # damaged, or published by another process
            (home / name).rename(waiting / "before")
        (waiting / name).rename(home / name)
    except (OSError, shutil.Error):
        return (home / name / SEAL).exists()
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    _forget(home, name)
    return True


def _forget(home: Path, name: str) -> None:
    """Delete all but the newest indexes, and leftovers of killed builders. A reader of a deleted folder rebuilds it."""
    with suppress(OSError):
        now = (home / name / SEAL).stat().st_mtime
        for left in home.glob(".building-*"):
            with suppress(OSError):
                if now - left.stat().st_mtime > 3600:
                    shutil.rmtree(left, ignore_errors=True)
        others = [path for path in home.iterdir() if (path / SEAL).is_file() and path.name != name]
        others.sort(key=lambda path: (path / SEAL).stat().st_mtime)
        for old in others[: max(0, len(others) + 1 - KEPT)]:
            shutil.rmtree(old, ignore_errors=True)


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if name not in LEFT_OUT:
                found[path.relative_to(folder).as_posix()] = blake2b(
                    path.read_bytes(), digest_size=16
                ).hexdigest()
    return found

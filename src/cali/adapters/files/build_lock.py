"""A lock for what processes build into a shared cache: one builds, the others wait and read its result.

The lock only saves work. What is built must be published atomically, because the lock is not taken without `fcntl`
(Windows), in a folder that cannot be written, and after `patience` seconds behind a process that was stopped.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

PATIENCE = 120.0
PAUSE = 0.1


@contextmanager
def build_lock(path: Path, patience: float = PATIENCE) -> Iterator[bool]:
    """Hold the lock file `path`; yield whether it is held. The system frees the lock of a process that ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError:
        yield False
        return
    with file:  # closing it frees the lock
        yield _locked(file, patience)


def _locked(file: IO[bytes], patience: float) -> bool:
    try:
        import fcntl
    except ImportError:
        return False
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(PAUSE)
        except OSError:  # a file system without locks
            return False

"""The lock around what processes build into a shared cache: it saves work, and blocks nobody for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cali.adapters.files.build_lock import build_lock

pytest.importorskip("fcntl")
HOLD = """
import sys
from pathlib import Path
from cali.adapters.files.build_lock import build_lock
with build_lock(Path(sys.argv[1])) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_by_one_and_free_after_it(tmp_path: Path) -> None:
    with build_lock(tmp_path / "new" / "lock") as first, build_lock(tmp_path / "new" / "lock", 0.0) as second:
        assert (first, second) == (True, False)
    with build_lock(tmp_path / "new" / "lock", 0.0) as third:
        assert third


def test_a_process_that_is_killed_frees_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with build_lock(lock, 0.0) as held:
            assert not held
        holder.kill()
        holder.wait()
    with build_lock(lock) as held:
        assert held


def test_a_folder_that_cannot_be_written_gives_no_lock_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with build_lock(tmp_path / "file" / "lock") as held:
        assert not held

"""Crash the journal at random moments and account for every task: `python -m tests.unit.sqlite.journal_crashes 10000`.

A child process accepts, finishes and synchronises tasks. It is killed a random time after a random number of tasks. A key counts as acknowledged once the child said so
through a pipe. The target is a second database, which fails before or after its commit, or is away for a whole life of the child.
"""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cali.adapters.sqlite.journal import JournalFull, JournalTask, SqliteJournal

MOST = 8  # acknowledged tasks in the life of a child
DELAY = 0.002  # seconds, the mean time between the last acknowledgement that is waited for and the kill


class Away(Exception):
    """The target does not answer."""


class TargetFile:
    """A target in a SQLite file, as strict as PostgreSQL with a primary key. It counts how often a key was added."""

    def __init__(self, path: Path, rng: random.Random, faults: float = 0.2) -> None:
        self._rng, self._faults = rng, faults
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS stored (key TEXT PRIMARY KEY, body BLOB, result BLOB) WITHOUT ROWID"
        )

    def __call__(self, tasks: Sequence[JournalTask]) -> None:
        if self._rng.random() < self._faults:
            raise Away("before the commit")
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT INTO stored VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET result = coalesce(excluded.result, result)",
            [(task.key, task.body, task.result) for task in tasks],
        )
        self._db.execute("COMMIT")
        if self._rng.random() < self._faults:
            raise Away("after the commit")

    def rows(self) -> dict[str, tuple[bytes, bytes | None]]:
        return {key: (body, result) for key, body, result in self._db.execute("SELECT * FROM stored")}

    def close(self) -> None:
        self._db.close()


class Account(NamedTuple):
    """The result of a series of crashes."""

    crashes: int
    accepted: int
    lost: list[str]
    changed: list[str]
    most_bytes: int


def body_of(key: str) -> bytes:
    return f"photo of {key} ".encode() * 5


def life(folder: Path, seed: int, first: int, said: int, limit: int) -> None:
    """Work until killed. Write each accepted key to the pipe `said`, after the journal has it."""
    rng = random.Random(seed)
    journal = SqliteJournal(folder / "journal.db", bytes_limit=limit, remembered=500)
    for task in journal.unfinished():
        journal.finish(task.key, b"result of " + task.key.encode())
    target = TargetFile(folder / "target.db", rng, faults=1.0 if rng.random() < 0.3 else 0.2)
    number = first
    while True:
        key = f"task-{number}"
        try:
            journal.accept(key, body_of(key))
            os.write(said, f"{key}\n".encode())
            number += 1
            if rng.random() < 0.7:
                journal.finish(key, b"result of " + key.encode())
            if rng.random() < 0.2:
                journal.synchronise(target, batch=rng.choice((1, 7, 100)))
        except (Away, JournalFull):
            continue


def crash(crashes: int, seed: int, folder: Path, limit: int = 8 << 20) -> Account:
    """Start and kill children. Then let the target answer, and compare it with what was acknowledged."""
    rng = random.Random(seed)
    acknowledged: list[str] = []
    most = 0
    for number in range(crashes):
        listen, said = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(listen)
            try:
                life(folder, rng.getrandbits(32), len(acknowledged) + number * 1000, said, limit)
            finally:
                os._exit(3)  # the child must never run the parent's code
        os.close(said)
        heard = b""
        wanted = rng.randrange(MOST)
        while heard.count(b"\n") < wanted and select.select([listen], [], [], 5)[0]:
            heard += os.read(listen, 65536)
        time.sleep(rng.expovariate(1 / DELAY))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"the child of crash {number} ended by itself"
        with os.fdopen(listen, "rb") as pipe:
            heard += pipe.read()
        acknowledged += heard.decode().split()
        most = max(most, sum(path.stat().st_size for path in folder.glob("journal.db*")))
    journal = SqliteJournal(folder / "journal.db", bytes_limit=limit, remembered=500)
    while tasks := journal.unfinished():
        for task in tasks:
            journal.finish(task.key, b"result of " + task.key.encode())
    target = TargetFile(folder / "target.db", rng, faults=0.0)
    journal.synchronise(target)
    rows = target.rows()
    journal.close()
    target.close()
    lost = [key for key in acknowledged if key not in rows]
    changed = [key for key, row in rows.items() if row != (body_of(key), b"result of " + key.encode())]
    return Account(crashes, len(acknowledged), lost, changed, most)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        found = crash(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, 1, Path(place))
    print(
        f"{found.crashes} crashes, {found.accepted} tasks acknowledged, {len(found.lost)} lost,"
        f" {len(found.changed)} changed, journal at most {found.most_bytes / 1e6:.1f} MB"
    )
    sys.exit(bool(found.lost or found.changed))

"""A local journal of tasks: a task is in it before it is acknowledged, and reaches a target exactly once.

    broker -> accept() -> acknowledge -> work -> finish() -> synchronise() -> target, every few minutes

The file is a SQLite database in WAL mode that survives a killed process and a power cut. Its size is bounded. A task is known
by its key. Delivery is at least once, and the target stores a key once, so nothing is lost and nothing is stored twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cali.core.errors import Misconfigured, Retryable

PAGE = 4096
ACCEPT_SHARE = 0.75  # the rest of the file is for the results of what was accepted
WAL_BYTES = 8 << 20  # the write-ahead log is cut to this size after each checkpoint
_APPLICATION = 0x43414C4A  # "CALJ", in the header of the file
_SCHEMA = 1
_TABLES = f"""
CREATE TABLE IF NOT EXISTS tasks (
    place INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, body BLOB, result BLOB,
    finished INTEGER NOT NULL DEFAULT 0, synchronised INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS waiting ON tasks (place) WHERE synchronised = 0;
CREATE TABLE IF NOT EXISTS done (place INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE INDEX IF NOT EXISTS unfinished ON tasks (place) WHERE finished = 0;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_SCHEMA};
"""
_UNFINISHED = "SELECT place, key, body, result FROM tasks WHERE finished = 0 ORDER BY place LIMIT ?"
_WAITING = "SELECT place, key, body, result FROM tasks WHERE synchronised = 0 ORDER BY place LIMIT ?"
_ACCEPT = """INSERT INTO tasks (key, body) SELECT :key, :body WHERE NOT EXISTS (SELECT 1 FROM done WHERE key = :key)
ON CONFLICT (key) DO NOTHING"""
_FORGET = (
    "INSERT INTO done SELECT place, key FROM tasks WHERE finished = 1 AND synchronised = 1",
    "DELETE FROM tasks WHERE finished = 1 AND synchronised = 1",
    "DELETE FROM done WHERE place <= (SELECT max(place) FROM done) - :remembered",
)
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class JournalFull(Retryable):
    """The journal or its disk is full. The task was not accepted: do not acknowledge it."""


class JournalTask(NamedTuple):
    """A task as the journal has it. `result` is None until it is finished."""

    place: int
    key: str
    body: bytes
    result: bytes | None


Target = Callable[[Sequence[JournalTask]], None]
"""Stores tasks by key: a key that is there is updated, never added again. An exception means that nothing is certain."""


class SqliteJournal:
    """An open journal, created if it is missing. Processes of one machine may share a file. `bytes_limit` bounds it."""

    def __init__(
        self, path: Path, bytes_limit: int = 1 << 30, remembered: int = 100_000, patience: float = 5.0
    ) -> None:
        self._path, self._remembered = path, remembered
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(f"{path.parent}: cannot hold a journal: {error.strerror}") from error
        with self._errors():
            self._db = sqlite3.connect(path, timeout=patience, isolation_level=None)
        try:
            with self._errors():
                self._prepare(bytes_limit)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, bytes_limit: int) -> None:
        db = self._db
        mark = db.execute("PRAGMA application_id").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if mark not in (0, _APPLICATION) or (tables and mark != _APPLICATION):
            raise Misconfigured(f"{self._path}: a database of something else, not a journal")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # what is committed survives a power cut
        db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        if mark != _APPLICATION:
            self._create()
        pages = max(32, bytes_limit // PAGE)
        db.execute(f"PRAGMA max_page_count = {pages}")
        self._accept_pages = int(pages * ACCEPT_SHARE)

    def _create(self) -> None:
        """Create the tables in one transaction. A journal that has them is not written: its disk may be full."""
        with self._transaction() as db:
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)

    def close(self) -> None:
        """Close the file. What was accepted stays."""
        self._db.close()

    def accept(self, key: str, body: bytes) -> bool:
        """Write a task to disk. Return False if the key is known already. Acknowledge the task only after this returns."""
        with self._errors():
            if self._pages() > self._accept_pages:
                raise JournalFull(
                    f"{self._path}: holds {self._pages()} pages of unfinished or waiting tasks, new ones are accepted up to"
                    f" {self._accept_pages}; free its disk or raise the limit"
                )
            added = self._db.execute(_ACCEPT, {"key": key, "body": body}).rowcount
        return added == 1

    def finish(self, key: str, result: bytes) -> None:
        """Write the result of a task. A finished task keeps its first result."""
        with self._errors():
            self._db.execute(
                "UPDATE tasks SET result = ?, finished = 1, synchronised = 0 WHERE key = ? AND finished = 0",
                (result, key),
            )

    def unfinished(self, limit: int = 1000) -> list[JournalTask]:
        """Return accepted tasks without a result, oldest first. After a crash, do these again."""
        return self._tasks(_UNFINISHED, limit)

    def waiting(self, limit: int = 1000) -> list[JournalTask]:
        """Return tasks whose newest state is not in the target yet, oldest first."""
        return self._tasks(_WAITING, limit)

    def synchronise(self, target: Target, batch: int = 1000) -> int:
        """Send all waiting tasks to the target and return their number. What the target does not take stays waiting."""
        sent = 0
        while tasks := self.waiting(batch):
            target(tasks)
            with self._transaction() as db:
                db.executemany(
                    # a task that finished in between has a newer state, which still waits
                    "UPDATE tasks SET synchronised = 1 WHERE place = ? AND result IS ?",
                    [(task.place, task.result) for task in tasks],
                )
            sent += len(tasks)
        self._forget()
        return sent

    def _forget(self) -> None:
        """Drop tasks that are finished and in the target. Their newest keys stay: the broker may deliver a task again."""
        with self._transaction() as db:
            for statement in _FORGET:
                db.execute(statement, {"remembered": self._remembered})
        with self._errors():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _tasks(self, query: str, limit: int) -> list[JournalTask]:
        with self._errors():
            return [JournalTask(*row) for row in self._db.execute(query, (limit,))]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._rollback()
                raise
            try:
                self._db.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise

    def _pages(self) -> int:
        used, free = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
        )
        return int(used - free)

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Map errors of SQLite to CaliError."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _FULL:
                raise JournalFull(f"{self._path}: {error}; free its disk or raise the limit") from error
            if code in _DAMAGED:
                raise Misconfigured(
                    f"{self._path}: damaged or not a database: {error}; move the file away to start with an empty journal"
                ) from error
            raise Retryable(f"{self._path}: {error}") from error

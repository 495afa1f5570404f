"""A SQLite file that several processes of one machine may use at once, and its tables."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = 1  # increase it with each change of the tables, and add a step that upgrades older files
_APPLICATION = 0x43414C49  # "CALI", the application id in the header of the file
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_INCIDENTS = (
    """CREATE TABLE incidents (
        id TEXT PRIMARY KEY, version INTEGER NOT NULL, status TEXT NOT NULL, heard_at REAL NOT NULL, body TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX by_status ON incidents (status, heard_at)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {SCHEMA}",
)
CLAIM = (
    """INSERT INTO claims VALUES (?, ?) ON CONFLICT DO UPDATE SET until = excluded.until WHERE until <= ?"""
)
"""Takes name, end and now. It writes a row only for the caller that gets the claim."""


class SqliteFile:
    """An open file, created if it is missing. `patience` is the number of seconds that a call waits for other
    writers."""

    tables = ""  # statements of a subclass that create its own tables

    def __init__(self, path: Path, patience: float = 5.0) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(f"{path.parent}: cannot keep incidents there: {error.strerror}") from error
        with self._errors():
            # Each statement is its own transaction unless one is begun.
            self._db = sqlite3.connect(path, timeout=patience, isolation_level=None)
        try:
            with self._errors():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def _prepare(self) -> None:
        db = self._db
        if not self._is_ready():
            db.execute("BEGIN IMMEDIATE")  # one process creates the tables, the others wait and find them
            try:
                if not self._is_ready():
                    for statement in _INCIDENTS:
                        db.execute(statement)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")  # write-ahead log: readers do not wait for the writer
        db.execute("PRAGMA synchronous = NORMAL")  # a power failure can lose the last transactions only
        if self.tables:
            db.executescript(self.tables)

    def _is_ready(self) -> bool:
        """Return whether the tables exist. They are created only in an empty file."""
        mark, version = self._pragma("application_id"), self._pragma("user_version")
        if mark == _APPLICATION and version != SCHEMA:
            raise Misconfigured(
                f"{self._path}: written with schema {version}, this release knows schema {SCHEMA}"
            )
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if mark != _APPLICATION and (mark or version or tables):
            raise Misconfigured(f"{self._path}: a database of something else, not of CALI's incidents")
        return mark == _APPLICATION

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Map errors of SQLite to CaliError."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _BUSY:
                raise Retryable(f"{self._path}: {error}") from error
            if code in _DAMAGED:
                raise Misconfigured(
                    f"{self._path}: damaged or not a database: {error}; move the file away to start anew"
                ) from error
            raise Misconfigured(f"{self._path}: cannot keep incidents there: {error}") from error

"""SQLite file of cached model answers and of today's budget, shared by all processes of one user or machine.

A damaged file is moved aside and created again. Without a writable file, data is kept in memory. Both cases cost more
model calls, but no result.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from cali.adapters.sqlite.file import CLAIM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS spent (day TEXT PRIMARY KEY, calls INTEGER NOT NULL, dollars REAL NOT NULL);
"""


class AnswersFile:
    """AnswerCache and Budget in one file. `calls` and `dollars` are daily limits; None means no limit."""

    def __init__(self, path: Path | None, calls: int | None = None, dollars: float | None = None) -> None:
        """`path` None keeps everything in memory."""
        self._path = path
        self._calls = calls
        self._dollars = dollars
        self._lock = Lock()
        self._db = self._opened()

    def get(self, key: str) -> str | None:
        def read(db: sqlite3.Connection) -> str | None:
            row = db.execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchone()
            return str(row[0]) if row else None

        return self._do(read)

    def put(self, key: str, value: str) -> None:
        self._do(lambda db: db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, value)))

    def claim(self, name: str, now: float, seconds: float) -> bool:
        return self._do(lambda db: db.execute(CLAIM, (name, now + seconds, now)).rowcount == 1)

    def release(self, name: str) -> None:
        self._do(lambda db: db.execute("DELETE FROM claims WHERE key = ?", (name,)))

    def take(self, day: str, dollars: float) -> bool:
        def book(db: sqlite3.Connection) -> bool:
            calls, spent = _spent(db, day)
            if self._calls is not None and calls >= self._calls:
                return False
            if self._dollars is not None and spent + dollars > self._dollars:
                return False
            _add(db, day, 1, dollars)
            return True

        return self._do(book)

    def settle(self, day: str, difference: float) -> None:
        self._do(lambda db: _add(db, day, 0, difference))

    def spent(self, day: str) -> tuple[int, float]:
        """Return the calls and dollars of a day."""
        return self._do(lambda db: _spent(db, day))

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return _atomic(self._db, work)
            except sqlite3.Error as error:
                self._db.close()
                damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(
                    error, sqlite3.OperationalError
                )
                if damaged:
                    self._set_aside()
                self._db = self._opened() if damaged else _memory()
                return _atomic(self._db, work)

    def _opened(self) -> sqlite3.Connection:
        if self._path is None:
            return _memory()
        for _ in range(2):
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                return _connected(str(self._path))
            except sqlite3.OperationalError:
                return _memory()
            except sqlite3.DatabaseError:
                self._set_aside()
            except OSError:
                break
        return _memory()

    def _set_aside(self) -> None:
        if self._path is None:
            return
        with suppress(OSError):
            self._path.replace(self._path.with_name(f"{self._path.name}.damaged"))
        for end in ("-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)


def _memory() -> sqlite3.Connection:
    return _connected(":memory:")


def _connected(name: str) -> sqlite3.Connection:
    db = sqlite3.connect(name, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(TABLES)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _atomic(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work(db)
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return result


def _spent(db: sqlite3.Connection, day: str) -> tuple[int, float]:
    row = db.execute("SELECT calls, dollars FROM spent WHERE day = ?", (day,)).fetchone()
    return (int(row[0]), float(row[1])) if row else (0, 0.0)


def _add(db: sqlite3.Connection, day: str, calls: int, dollars: float) -> None:
    db.execute(
        "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (day) DO UPDATE SET calls = calls + excluded.calls,"
        " dollars = max(0, dollars + excluded.dollars)",
        (day, calls, dollars),
    )

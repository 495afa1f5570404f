"""Incidents in one SQLite file, which several processes of one machine may use at once."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from cali.core.errors import Conflict, Misconfigured, Poison, Retryable
from cali.stages.detect.incident_json import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from cali.core.life import StoredIncident
    from cali.core.models import Status

SCHEMA = 1  # raised with each change of the tables, together with a step that brings older files up
_MARK = 0x43414C49  # "CALI", in the header of the file
_INSERT = "INSERT INTO incidents (version, status, heard_at, body, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE incidents SET version = ?, status = ?, heard_at = ?, body = ? WHERE id = ? AND version = ?"
_TABLES = (
    """CREATE TABLE incidents (
        id TEXT PRIMARY KEY, version INTEGER NOT NULL, status TEXT NOT NULL, heard_at REAL NOT NULL, body TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX by_status ON incidents (status, heard_at)",
    f"PRAGMA application_id = {_MARK}",
    f"PRAGMA user_version = {SCHEMA}",
)
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class SqliteIncidents:
    """An IncidentStore in a file, made when it is not there. Waits `patience` seconds for other writers."""

    def __init__(self, path: Path, patience: float = 5.0) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(f"{path.parent}: cannot keep incidents there: {error.strerror}") from error
        with self._said():
            # Each statement is its own transaction unless one is begun.
            self._db = sqlite3.connect(path, timeout=patience, isolation_level=None)
        try:
            with self._said():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def get(self, incident: str) -> StoredIncident | None:
        with self._said():
            row = self._db.execute("SELECT version, body FROM incidents WHERE id = ?", (incident,)).fetchone()
        return self._read(row) if row else None

    def put(self, stored: StoredIncident) -> StoredIncident:
        new = replace(stored, version=stored.version + 1)
        incident = new.incident
        row = (new.version, incident.status.value, new.heard_at, dumps(new), incident.id)
        with self._said():
            if stored.version == 0:
                written = self._db.execute(_INSERT, row).rowcount
            else:
                written = self._db.execute(_UPDATE, (*row, stored.version)).rowcount
        if not written:
            raise Conflict(f"incident {incident.id}: changed since version {stored.version} was read")
        return new

    def find(
        self, statuses: Collection[Status], limit: int, heard_before: float | None = None
    ) -> list[StoredIncident]:
        marks = ",".join("?" * len(statuses))
        before = "" if heard_before is None else " AND heard_at < ?"
        order = "DESC" if heard_before is None else "ASC"
        values: list[object] = [status.value for status in statuses]
        values += [] if heard_before is None else [heard_before]
        query = f"SELECT version, body FROM incidents WHERE status IN ({marks}){before} ORDER BY heard_at {order}, id LIMIT ?"  # noqa: S608  # made of marks alone
        with self._said():
            rows = self._db.execute(query, (*values, max(limit, 0))).fetchall()
        return [self._read(row) for row in rows]

    def count(self, status: Status, most: int) -> int:
        query = "SELECT count(*) FROM (SELECT 1 FROM incidents WHERE status = ? LIMIT ?)"
        with self._said():
            return int(self._db.execute(query, (status.value, most)).fetchone()[0])

    def close(self) -> None:
        self._db.close()

    def _prepare(self) -> None:
        db = self._db
        if not self._is_ready():
            db.execute("BEGIN IMMEDIATE")  # one process makes the tables, the others wait and find them
            try:
                if not self._is_ready():
                    for statement in _TABLES:
                        db.execute(statement)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
        db.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
        db.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last moments, never the file

    def _is_ready(self) -> bool:
        """Whether the tables are there; they are to be made only in a file that is empty."""
        mark, version = _pragma(self._db, "application_id"), _pragma(self._db, "user_version")
        if mark == _MARK and version != SCHEMA:
            raise Misconfigured(
                f"{self._path}: written with schema {version}, this release knows schema {SCHEMA}"
            )
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if mark != _MARK and (mark or version or tables):
            raise Misconfigured(f"{self._path}: a database of something else, not of CALI's incidents")
        return mark == _MARK

    def _read(self, row: tuple[int, str]) -> StoredIncident:
        try:
            return loads(row[1], row[0])
        except Poison as error:
            raise Misconfigured(
                f"{self._path}: damaged: {error}; move the file away to start anew"
            ) from error

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Says what SQLite says in our words: whether waiting helps, or a person must act."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _BUSY:
                raise Retryable(f"{self._path}: {error}") from error
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise Misconfigured(
                    f"{self._path}: damaged or not a database: {error}; move the file away to start anew"
                ) from error
            raise Misconfigured(f"{self._path}: cannot keep incidents there: {error}") from error


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])

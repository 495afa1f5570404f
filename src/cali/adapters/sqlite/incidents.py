"""Incidents in one SQLite file, which several processes on one machine can share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cali.adapters.sqlite.file import SqliteFile
from cali.core.errors import Conflict, Misconfigured, Poison
from cali.stages.detect.incident_json import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Collection

    from cali.core.life import StoredIncident
    from cali.core.models import Status

_INSERT = "INSERT INTO incidents (version, status, heard_at, body, id) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE incidents SET version = ?, status = ?, heard_at = ?, body = ? WHERE id = ? AND version = ?"


class SqliteIncidents(SqliteFile):
    """An IncidentStore in a file."""

    def get(self, incident: str) -> StoredIncident | None:
        with self._errors():
            row = self._db.execute("SELECT version, body FROM incidents WHERE id = ?", (incident,)).fetchone()
        return self._read(row) if row else None

    def put(self, stored: StoredIncident) -> StoredIncident:
        new = replace(stored, version=stored.version + 1)
        incident = new.incident
        row = (new.version, incident.status.value, new.heard_at, dumps(new), incident.id)
        with self._errors():
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
        with self._errors():
            rows = self._db.execute(query, (*values, max(limit, 0))).fetchall()
        return [self._read(row) for row in rows]

    def count(self, status: Status, most: int) -> int:
        query = "SELECT count(*) FROM (SELECT 1 FROM incidents WHERE status = ? LIMIT ?)"
        with self._errors():
            return int(self._db.execute(query, (status.value, most)).fetchone()[0])

    def _read(self, row: tuple[int, str]) -> StoredIncident:
        try:
            return loads(row[1], row[0])
        except Poison as error:
            raise Misconfigured(
                f"{self._path}: damaged: {error}; move the file away to start anew"
            ) from error

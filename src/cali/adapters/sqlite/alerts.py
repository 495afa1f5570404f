"""Alert notes and feedback, in the SQLite file of the incidents."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from cali.adapters.sqlite.file import SqliteFile
from cali.core.errors import Conflict
from cali.core.life import Feedback, Verdict
from cali.core.models import Scope
from cali.core.ports import Note

_TABLES = """
CREATE TABLE IF NOT EXISTS alerts (key TEXT PRIMARY KEY, version INTEGER NOT NULL, due REAL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_due ON alerts (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS feedback (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, incident TEXT NOT NULL, verdict TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS feedback_incident ON feedback (incident);
"""
_INSERT = "INSERT INTO alerts (version, due, body, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_UPDATE = "UPDATE alerts SET version = ?, due = ?, body = ? WHERE key = ? AND version = ?"


class _AlertsFile(SqliteFile):
    tables = _TABLES


class SqliteAlerts(_AlertsFile):
    """An AlertStore."""

    def get(self, key: str) -> Note | None:
        with self._errors():
            row = self._db.execute("SELECT body, due, version FROM alerts WHERE key = ?", (key,)).fetchone()
        return Note(key, *row) if row else None

    def put(self, note: Note) -> Note:
        new = replace(note, version=note.version + 1)
        row = (new.version, new.due, new.body, new.key)
        with self._errors():
            if note.version == 0:
                written = self._db.execute(_INSERT, row).rowcount
            else:
                written = self._db.execute(_UPDATE, (*row, note.version)).rowcount
        if not written:
            raise Conflict(f"{note.key}: changed since version {note.version} was read")
        return new

    def due(self, now: float, limit: int) -> list[str]:
        query = "SELECT key FROM alerts WHERE due <= ? ORDER BY due, key LIMIT ?"
        with self._errors():
            return [str(row[0]) for row in self._db.execute(query, (now, max(limit, 0)))]


class SqliteFeedback(_AlertsFile):
    """A FeedbackStore."""

    def put(self, record: Feedback) -> bool:
        row = (
            record.id,
            record.incident,
            record.verdict.value,
            json.dumps(asdict(record), ensure_ascii=False),
        )
        query = (
            "INSERT INTO feedback (id, incident, verdict, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        )
        with self._errors():
            return self._db.execute(query, row).rowcount == 1

    def find(self, limit: int, incident: str = "") -> list[Feedback]:
        query = "SELECT body FROM feedback WHERE ? IN ('', incident) ORDER BY place DESC LIMIT ?"
        with self._errors():
            return [_feedback(row[0]) for row in self._db.execute(query, (incident, max(limit, 0)))]

    def suppressed(self) -> frozenset[str]:
        query = """SELECT incident FROM feedback WHERE place IN (SELECT max(place) FROM feedback GROUP BY incident)
            AND verdict = ?"""
        with self._errors():
            return frozenset(row[0] for row in self._db.execute(query, (Verdict.NOT_AN_ERROR.value,)))


def _feedback(body: str) -> Feedback:
    plain = json.loads(body)
    return Feedback(**{**plain, "verdict": Verdict(plain["verdict"]), "scope": Scope(*plain["scope"])})

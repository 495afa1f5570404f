"""Stores of alerts in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cali.core.errors import Conflict
from cali.core.life import Feedback, Verdict

if TYPE_CHECKING:
    from cali.core.ports import Note


class MemoryAlerts:
    """AlertStore in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Note] = {}

    def get(self, key: str) -> Note | None:
        return self.kept.get(key)

    def put(self, note: Note) -> Note:
        version = self.kept[note.key].version if note.key in self.kept else 0
        if version != note.version:
            raise Conflict(f"{note.key}: changed since version {note.version} was read")
        self.kept[note.key] = replace(note, version=version + 1)
        return self.kept[note.key]

    def due(self, now: float, limit: int) -> list[str]:
        found = [
            (note.due, key) for key, note in self.kept.items() if note.due is not None and note.due <= now
        ]
        return [key for _, key in sorted(found)[: max(limit, 0)]]


class MemoryFeedback:
    """A FeedbackStore in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Feedback] = {}

    def put(self, record: Feedback) -> bool:
        if record.id in self.kept:
            return False
        self.kept[record.id] = record
        return True

    def find(self, limit: int, incident: str = "") -> list[Feedback]:
        found = [one for one in self.kept.values() if incident in ("", one.incident)]
        return found[::-1][: max(limit, 0)]

    def suppressed(self) -> frozenset[str]:
        last = {one.incident: one.verdict for one in self.kept.values()}
        return frozenset(incident for incident, verdict in last.items() if verdict is Verdict.NOT_AN_ERROR)


class MemoryClaims:
    """Claims within one process."""

    def __init__(self) -> None:
        self.kept: dict[str, float] = {}

    def claim(self, name: str, now: float, seconds: float) -> bool:
        if self.kept.get(name, 0.0) > now:
            return False
        self.kept[name] = now + seconds
        return True

    def release(self, name: str) -> None:
        self.kept.pop(name, None)

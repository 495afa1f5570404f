"""What the stages ask of the outside world. Each port is a few methods; every adapter of a port passes one
shared contract suite, the embedded ones and those for AWS alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from cali.life import Stored
from cali.models import Hit, KnowledgeEntry, Status


class Embedder(Protocol):
    """Turns texts into vectors of one length. `name` tells models apart: vectors of two names never mix."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    def embed(self, texts: Sequence[str]) -> list[list[float]]: ...


class KnowledgeIndex(Protocol):
    """Finds the knowledge entries nearest to a text."""

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        """Makes the index hold exactly these entries; cheap when it already does."""

    def search(self, text: str, limit: int) -> list[Hit]:
        """The best entries, best first; an empty list when nothing is near."""


class IncidentStore(Protocol):
    """Keeps incidents and their lives. Safe to use from several processes: a put loses if somebody else was faster."""

    def get(self, incident: str) -> Stored | None:
        """The incident of this id, with the version to put it back under."""

    def put(self, stored: Stored) -> Stored:
        """Keeps an incident if the store still holds the version that it was read with (0: holds none), and returns it
        with its new version. Otherwise Conflict: read again and apply again."""

    def find(
        self, statuses: Collection[Status], limit: int, heard_before: float | None = None
    ) -> list[Stored]:
        """Incidents of these statuses, those heard of last first; with `heard_before` those heard of longest ago first."""

"""What the stages ask of the outside world. Each port is a few methods; every adapter of a port passes one
shared contract suite, the embedded ones and those for AWS alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cali.models import Hit, KnowledgeEntry


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

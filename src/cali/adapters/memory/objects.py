"""Ports of the learning jobs in memory. They pass the contract suites of their ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cali.adapters.memory.knowledge_index import LexicalIndex
from cali.core.errors import Conflict
from cali.core.ports import Tagged
from cali.stages.retrieve.index_rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cali.core.models import KnowledgeEntry


class MemoryObjects:
    """Objects and Pointers. `puts` counts the writes."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, int]] = {}
        self.puts = 0

    def get(self, key: str) -> bytes | None:
        return self.kept[key][0] if key in self.kept else None

    def put(self, key: str, body: bytes, kind: str = "application/json") -> None:  # noqa: ARG002 - a dict keeps bytes
        self.puts += 1
        self.kept[key] = (body, self.puts)

    def keys(self, prefix: str = "") -> Iterator[str]:
        yield from sorted(key for key in self.kept if key.startswith(prefix))

    def drop(self, key: str) -> None:
        self.kept.pop(key, None)

    def read(self, key: str, unless: str = "") -> Tagged | None:
        body, version = self.kept.get(key, (b"", 0))
        tag = str(version or "")
        return None if unless and tag == unless else Tagged(body, tag)

    def swap(self, key: str, body: bytes, tag: str) -> str:
        if str(self.kept.get(key, (b"", 0))[1] or "") != tag:
            raise Conflict(f"{key}: changed since it was read")
        self.put(key, body)
        return str(self.puts)


class MemoryCollections:
    """Collections with an exhaustive search."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[LexicalIndex, int]] = {}
        self.alias = ""

    def build(self, version: str, entries: Sequence[KnowledgeEntry]) -> str:
        if version not in self.kept:
            index = LexicalIndex()
            index.ensure(version, entries)
            self.kept[version] = (index, len(rows(entries)))
        return version

    def found(self, name: str, texts: Sequence[str], limit: int) -> list[list[str]]:
        return [[hit.id for hit in self.kept[name][0].search(text, limit)] for text in texts]

    def rows(self, name: str) -> int:
        return self.kept[name][1]

    def switch(self, name: str) -> str:
        before, self.alias = self.alias, name
        return before

    def drop(self, name: str) -> None:
        self.kept.pop(name, None)


class MemoryPullRequests:
    """PullRequests in memory. `opened` maps a branch to title and files, `bodies` to the text."""

    def __init__(self) -> None:
        self.opened: dict[str, tuple[str, dict[str, str]]] = {}
        self.bodies: dict[str, str] = {}

    def open(self, branch: str, title: str, body: str, files: Mapping[str, str]) -> str:
        self.bodies.setdefault(branch, body)
        self.opened.setdefault(branch, (title, dict(files)))
        return f"https://example.com/pulls/{list(self.opened).index(branch) + 1}"

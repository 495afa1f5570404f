"""Knowledge collections on a Milvus server or in a Milvus Lite file, and the alias of the one in force.

`MilvusIndex` uses the same names, so a function finds a collection that was built in advance.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cali.adapters.milvus.index import MilvusIndex, collection_name, connect, failures, is_server
from cali.stages.retrieve.index_rows import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cali.core.models import KnowledgeEntry
    from cali.core.ports import Embedder

ALIAS = "cali_knowledge"
AT_ONCE = 100  # maximum texts in one search


class MilvusCollections:
    """Collections on Milvus. Methods raise Retryable if Milvus does not answer. `close` frees the connection."""

    def __init__(
        self, uri: str, embedder: Embedder, token: str = "", timeout: float = 30.0, alias: str = ALIAS
    ) -> None:
        self._uri = uri
        self._embedder = embedder
        self._token = token
        self._timeout = timeout
        self._alias = alias
        self._made: Any = None

    def build(self, version: str, entries: Sequence[KnowledgeEntry]) -> str:
        name = collection_name(version, self._embedder.name)
        self._index().make(self._client, name, rows(entries))
        return name

    def found(self, name: str, texts: Sequence[str], limit: int) -> list[list[str]]:
        index = self._index()
        index.attach(self._client, name)
        return [
            [hit.id for hit in hits]
            for begin in range(0, len(texts), AT_ONCE)
            for hits in index.search_each(texts[begin : begin + AT_ONCE], limit)
        ]

    def rows(self, name: str) -> int:
        with failures(self._uri):
            return int(self._client.get_collection_stats(name)["row_count"])

    def switch(self, name: str) -> str:
        client = self._client
        with failures(self._uri):
            if not client.has_collection(self._alias):  # also true for an alias
                client.create_alias(name, self._alias)
                return ""
            before = str(client.describe_alias(self._alias)["collection_name"])
            if before != name:
                client.alter_alias(name, self._alias)
            return before

    def drop(self, name: str) -> None:
        with failures(self._uri):
            if self._client.has_collection(name):
                self._client.drop_collection(name)

    def close(self) -> None:
        if self._made is not None:
            with closing(self._made):
                self._made = None

    @property
    def _client(self) -> Any:
        if self._made is None:
            with failures(self._uri):
                if not is_server(self._uri):
                    Path(self._uri).parent.mkdir(parents=True, exist_ok=True)
                self._made = connect(self._uri, self._token, self._timeout)
        return self._made

    def _index(self) -> MilvusIndex:
        return MilvusIndex(self._uri, self._embedder, self._token, self._timeout)

"""The knowledge index in Milvus: a server (http, https or tcp URI), or a file of Milvus Lite.

One collection per knowledge version and embedder, so a new version never changes what others are searching. Each row
is one text of an entry with a dense vector and the BM25 vector that Milvus makes of it.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cali.core.errors import CaliError, Misconfigured, Retryable
from cali.stages.retrieve.index_rows import IndexRow, fuse, gist, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cali.core.models import Hit, KnowledgeEntry
    from cali.core.ports import Embedder

LAYOUT = 1  # schema version of a collection; increase it when fields, indexes or row texts change
DEPTH = 100  # rows that each of the two searches returns; an entry has about five
BATCH = 500
LONGEST = 4096  # maximum bytes of a row's text


class MilvusIndex:
    """A KnowledgeIndex. pymilvus is imported and the store opened by `ensure`, not before.

    A server that fails raises Retryable. `close` frees what was opened.
    """

    def __init__(self, uri: str, embedder: Embedder, token: str = "", timeout: float = 10.0) -> None:
        self._uri = uri
        self._embedder = embedder
        self._token = token
        self._timeout = timeout
        self._client: Any = None
        self._collection = ""

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        collection = collection_name(version, self._embedder.name)
        if self._client is not None and self._collection == collection:
            return
        self.close()
        try:
            with failures(self._uri):
                self._client = connect(self._uri, self._token, self._timeout)
                self._made_whole(collection, rows(entries))
        except BaseException:
            self.close()
            raise
        self._collection = collection

    def search(self, text: str, limit: int) -> list[Hit]:
        return self.search_each([text], limit)[0]

    def search_each(self, texts: Sequence[str], limit: int) -> list[list[Hit]]:
        """Search for several texts, with one request for each kind of search."""
        told = [gist(text) for text in texts]
        words = [one for one in told if one]
        if not words or limit < 1:
            return [[] for _ in told]
        if self._client is None:
            raise Misconfigured("the knowledge index was searched before `ensure` loaded its entries")
        with failures(self._uri):
            dense = self._rows_near("dense", self._embedder.embed(words), "COSINE")
            lexical = self._rows_near("sparse", words, "BM25")
        found = map(fuse, dense, lexical, [limit] * len(words))
        return [next(found) if one else [] for one in told]

    def close(self) -> None:
        """Free the connection. `ensure` opens the index again."""
        if self._client is not None:
            self._client.close()
        self._client = None
        self._collection = ""

    def _rows_near(self, field: str, queries: Any, metric: str) -> list[list[tuple[str, float]]]:
        found = self._client.search(
            self._collection,
            data=list(queries),
            anns_field=field,
            limit=DEPTH,
            output_fields=["entry"],
            search_params={"metric_type": metric},
            timeout=self._timeout,
        )
        return [[(row["entity"]["entry"], float(row["distance"])) for row in near] for near in found]

    def make(self, client: Any, collection: str, found: Sequence[IndexRow]) -> None:
        """Create a collection on the caller's connection unless it exists and is complete, and load it."""
        self._client = client
        try:
            with failures(self._uri):
                self._made_whole(collection, found)
        finally:
            self._client = None

    def attach(self, client: Any, collection: str) -> None:
        """Use an existing collection on the caller's connection, which the caller closes."""
        self._client, self._collection = client, collection

    def _made_whole(self, collection: str, found: Sequence[IndexRow]) -> None:
        client = self._client
        if client.has_collection(collection) and _holds(client, collection, len(found)):
            client.load_collection(collection)
            return
        building = f"{collection}_building_{uuid4().hex[:8]}"
        try:
            self._fill(building, found)
            if client.has_collection(collection):
                if _holds(client, collection, len(found)):  # somebody else was faster
                    client.load_collection(collection)
                    return
                client.drop_collection(collection)
            _rename(client, building, collection)
        finally:
            if client.has_collection(building):
                client.drop_collection(building)
        client.load_collection(collection)

    def _fill(self, collection: str, found: Sequence[IndexRow]) -> None:
        _create(self._client, collection, self._embedder.size)
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            vectors = self._embedder.embed([row.text for row in batch])
            data = [
                {"pk": start + i, "entry": row.entry, "text": _cut(row.text), "dense": vector}
                for i, (row, vector) in enumerate(zip(batch, vectors, strict=True))
            ]
            self._client.insert(collection, data)
        self._client.flush(collection)  # a search before the flush is slow


def is_server(uri: str) -> bool:
    """Return whether a URI names a Milvus server instead of a file of Milvus Lite."""
    return re.match(r"(https?|tcp)://", uri) is not None


def collection_name(version: str, embedder: str) -> str:
    """Return the name of the collection of one knowledge version and embedder."""
    return re.sub(r"\W+", "_", f"cali_{version}_{embedder}_v{LAYOUT}")


def connect(uri: str, token: str, timeout: float) -> Any:
    """Return a client of a server, or of a Milvus Lite file."""
    _quiet()
    from pymilvus import MilvusClient

    return MilvusClient(uri, token=token, timeout=timeout)


def _holds(client: Any, collection: str, count: int) -> bool:
    return int(client.get_collection_stats(collection)["row_count"]) == count


def _create(client: Any, collection: str, size: int) -> None:
    from pymilvus import DataType, Function, FunctionType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("pk", DataType.INT64, is_primary=True)
    schema.add_field("entry", DataType.VARCHAR, max_length=128)
    schema.add_field("text", DataType.VARCHAR, max_length=LONGEST, enable_analyzer=True)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=size)
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(
            name="bm25",
            function_type=FunctionType.BM25,
            input_field_names=["text"],
            output_field_names=["sparse"],
        )
    )
    indexes = client.prepare_index_params()
    indexes.add_index("dense", index_type="FLAT", metric_type="COSINE")
    indexes.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    client.create_collection(collection, schema=schema)
    client.create_index(
        collection, indexes, sync=False
    )  # waiting sleeps 0.5 s for each; loading waits anyway


def _rename(client: Any, old: str, new: str) -> None:
    from pymilvus.exceptions import MilvusException

    try:
        client.rename_collection(old, new)
    except MilvusException:
        if not client.has_collection(new):  # else somebody else was faster, with the same content
            raise


@contextmanager
def failures(where: str) -> Iterator[None]:
    """Map exceptions of Milvus to a CaliError of one line."""
    try:
        yield
    except CaliError:
        raise
    except Exception as error:
        line = " ".join(str(error).split())[:200]
        raise Retryable(f"Milvus at {where}: {line or type(error).__name__}") from error


def _cut(text: str) -> str:
    return text.encode()[: LONGEST - 4].decode(errors="ignore")


def _quiet(names: Iterable[str] = ("pymilvus", "milvus_lite", "grpc")) -> None:
    """Silence loggers that print the errors which they also raise."""
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)

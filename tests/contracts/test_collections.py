"""The contract of Collections: in memory, a file of Milvus Lite, and a Milvus server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.contracts.entries import DISK, ENTRIES, HOST

from cali.adapters.memory.knowledge_index import HashedEmbedder
from cali.adapters.memory.objects import MemoryCollections
from cali.adapters.milvus.collections import ALIAS, MilvusCollections
from cali.adapters.milvus.index import MilvusIndex
from cali.stages.retrieve.index_rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cali.usecases.learn.learn_context import Collections

# Milvus Lite and its server leave sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def server_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, store, port = start_server_in_thread(str(tmp_path_factory.mktemp("server")), port=0)
    yield f"http://127.0.0.1:{port}"
    server.stop(grace=0)
    store.close()


@pytest.fixture(params=["memory", "lite", "server"])
def collections(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collections]:
    if request.param == "memory":
        yield MemoryCollections()
        return
    uri = str(tmp_path / "knowledge.db") if request.param == "lite" else request.getfixturevalue("server_uri")
    made = MilvusCollections(uri, HashedEmbedder(), alias=f"alias_{request.node.name.partition('[')[0]}")
    yield made
    made.close()


def test_a_built_collection_is_whole_and_finds_its_entries(collections: Collections) -> None:
    name = collections.build("2026-01-01-a", ENTRIES)
    assert collections.rows(name) == len(rows(ENTRIES))
    assert collections.found(name, [HOST.symptoms[0], DISK.symptoms[0]], 1) == [[HOST.id], [DISK.id]]


def test_building_again_makes_nothing(collections: Collections) -> None:
    assert collections.build("2026-01-02-b", ENTRIES) == collections.build("2026-01-02-b", ENTRIES)


def test_the_alias_goes_from_one_to_the_other_and_back(collections: Collections) -> None:
    old, new = collections.build("2026-01-03-c", ENTRIES), collections.build("2026-01-03-d", ENTRIES[:2])
    assert collections.switch(old) == ""
    assert collections.switch(new) == old
    assert collections.switch(new) == new
    assert collections.rows(old) == len(rows(ENTRIES))
    assert collections.switch(old) == new


def test_what_is_dropped_is_gone_and_dropping_again_is_nothing(collections: Collections) -> None:
    name = collections.build("2026-01-04-e", ENTRIES)
    collections.drop(name)
    collections.drop(name)
    assert collections.rows(collections.build("2026-01-04-e", ENTRIES)) == len(rows(ENTRIES))


def test_a_function_finds_the_collection_by_its_version(server_uri: str) -> None:
    """A function must not build it again: that would take a minute."""
    made = MilvusCollections(server_uri, HashedEmbedder(), alias=ALIAS)
    made.build("2026-01-05-f", ENTRIES)
    made.close()

    class Counting(HashedEmbedder):
        texts = 0

        def embed(self, texts: Any) -> Any:
            self.texts += len(texts)
            return super().embed(texts)

    counting = Counting()
    index = MilvusIndex(server_uri, counting)
    index.ensure("2026-01-05-f", ENTRIES)
    assert counting.texts == 0
    assert index.search(HOST.symptoms[0], 1)[0].id == HOST.id
    index.close()

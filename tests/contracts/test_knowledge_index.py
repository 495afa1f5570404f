"""The contract of KnowledgeIndex: in memory, Milvus Lite, a Milvus server, and the cache of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.contracts.entries import DISK, ENTRIES, HOST, MEMORY, TLS

from cali.adapters.memory.knowledge_index import HashedEmbedder, LexicalIndex
from cali.adapters.milvus.cached_index import RememberedHits
from cali.adapters.milvus.index import MilvusIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cali.core.ports import KnowledgeIndex

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


@pytest.fixture(params=["memory", "lite", "server", "cached"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KnowledgeIndex]:
    embedder = HashedEmbedder()
    made: Any
    if request.param == "memory":
        made = LexicalIndex()
    elif request.param == "cached":
        made = RememberedHits(LexicalIndex(), tmp_path, "lexical")
    else:
        uri = str(tmp_path / "index.db") if request.param == "lite" else request.getfixturevalue("server_uri")
        made = MilvusIndex(uri, embedder)
    yield made
    if hasattr(made, "close"):
        made.close()


def test_an_example_finds_its_entry_first(index: KnowledgeIndex) -> None:
    index.ensure("2026-01-01-a", ENTRIES)
    for entry in ENTRIES:
        for symptom in entry.symptoms:
            assert index.search(symptom, 3)[0].id == entry.id, symptom


def test_values_do_not_matter(index: KnowledgeIndex) -> None:
    index.ensure("2026-01-01-a", ENTRIES)
    hits = index.search("Memory cgroup out of memory: Killed process 981223 (checkout) pid=4", 4)
    assert hits[0].id == MEMORY.id


def test_scores_are_calibrated_and_fall(index: KnowledgeIndex) -> None:
    index.ensure("2026-01-01-a", ENTRIES)
    near, far = (
        index.search(DISK.symptoms[0], 4),
        index.search("tomorrow the committee discusses bicycles", 4),
    )
    assert [hit.score for hit in near] == sorted((hit.score for hit in near), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in (*near, *far))
    assert near[0].score > 0.5
    assert not far or far[0].score < 0.3


def test_each_entry_is_a_hit_once_and_the_limit_holds(index: KnowledgeIndex) -> None:
    index.ensure("2026-01-01-a", ENTRIES)
    ids = [hit.id for hit in index.search("lookup db: no such host, no space left, certificate expired", 9)]
    assert len(ids) == len(set(ids))
    assert HOST.id in ids
    assert len(index.search("lookup db: no such host, no space left", 1)) == 1


def test_a_text_without_words_finds_nothing(index: KnowledgeIndex) -> None:
    index.ensure("2026-01-01-a", ENTRIES)
    assert index.search("", 3) == []
    assert index.search("<ip> <*> 1234 !!!", 3) == []


def test_a_new_version_replaces_the_entries(index: KnowledgeIndex) -> None:
    index.ensure("2026-01-01-a", (MEMORY, HOST))
    assert TLS.id not in {hit.id for hit in index.search(TLS.symptoms[0], 9)}
    index.ensure("2026-01-02-b", (TLS, DISK))
    assert index.search(TLS.symptoms[0], 9)[0].id == TLS.id
    assert {hit.id for hit in index.search(MEMORY.symptoms[0], 9)} <= {TLS.id, DISK.id}


def test_ensuring_again_changes_nothing(index: KnowledgeIndex) -> None:
    index.ensure("2026-01-01-a", ENTRIES)
    before = index.search(HOST.symptoms[1], 4)
    index.ensure("2026-01-01-a", ENTRIES)
    assert index.search(HOST.symptoms[1], 4) == before

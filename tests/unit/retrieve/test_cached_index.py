"""Faults of the Milvus index in one line, and the disk cache of search results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contracts.entries import ENTRIES, TLS

from cali.adapters.memory.knowledge_index import HashedEmbedder, LexicalIndex
from cali.adapters.milvus.cached_index import RememberedHits
from cali.adapters.milvus.index import MilvusIndex, collection_name, is_server
from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cali.core.models import Hit, KnowledgeEntry

VERSION = "2026-01-01-a"


def test_asked_too_early_or_of_nobody_is_one_line() -> None:
    with pytest.raises(Misconfigured, match="before `ensure` loaded its entries"):
        MilvusIndex("anywhere", HashedEmbedder()).search("no space left", 1)
    with pytest.raises(Retryable, match=r"^Milvus at http://127.0.0.1:9: ") as caught:
        MilvusIndex("http://127.0.0.1:9", HashedEmbedder(), timeout=1).ensure(VERSION, ENTRIES)
    assert "\n" not in str(caught.value)


def test_what_is_a_server() -> None:
    assert is_server("http://milvus:19530")
    assert is_server("https://cloud.example")
    assert not is_server("/var/cache/cali/index")
    assert (
        collection_name("2026-01-01-ab", "text-embedding-3-small-512")
        == "cali_2026_01_01_ab_text_embedding_3_small_512_v1"
    )


class CountingIndex(LexicalIndex):
    """The index in memory, and how often it was made ready and asked."""

    readied = asked = 0

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        self.readied += 1
        super().ensure(version, entries)

    def search(self, text: str, limit: int) -> list[Hit]:
        self.asked += 1
        return super().search(text, limit)


def remembered(folder: Path, version: str = VERSION) -> tuple[RememberedHits, CountingIndex]:
    inner = CountingIndex()
    index = RememberedHits(inner, folder, inner.__class__.__name__)
    index.ensure(version, ENTRIES)
    return index, inner


def test_an_answer_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    one, asked = remembered(tmp_path)
    answer = one.search("lookup orders-7: no such host", 3)
    other, spared = remembered(tmp_path)
    assert other.search("lookup orders-8: no such host", 3) == answer
    assert other.search("lookup orders-8: no such host", 1) == answer[:1]
    assert (asked.readied, asked.asked) == (1, 1)
    assert (spared.readied, spared.asked) == (0, 0)


def test_an_answer_to_an_older_version_is_not_given(tmp_path: Path) -> None:
    remembered(tmp_path)[0].search(TLS.symptoms[0], 3)
    other, inner = remembered(tmp_path, "2026-01-02-b")
    other.search(TLS.symptoms[0], 3)
    assert inner.asked == 1


@pytest.mark.parametrize("damage", [b"\xff\n{", b'["x"]\n', b'["0", [["memory"]]]'])
def test_a_damaged_memory_is_forgotten_and_heals(tmp_path: Path, damage: bytes) -> None:
    one, _ = remembered(tmp_path)
    answer = one.search(TLS.symptoms[0], 3)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    two, asked = remembered(tmp_path)
    assert two.search(TLS.symptoms[0], 3) == answer
    three, spared = remembered(tmp_path)
    assert three.search(TLS.symptoms[0], 3) == answer
    assert (asked.asked, spared.asked) == (1, 0)


def test_a_memory_that_cannot_be_written_still_answers(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert remembered(tmp_path / "file" / "cache")[0].search(TLS.symptoms[0], 1)[0].id == TLS.id

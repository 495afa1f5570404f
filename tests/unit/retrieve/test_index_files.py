"""The index on disk: published whole, believed only when it is, and never in anybody's way."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.contracts.entries import DISK, ENTRIES, HOST, MEMORY, TLS

from cali.adapters.memory.knowledge_index import HashedEmbedder, ReferenceIndex
from cali.adapters.milvus import index_folders as index_files
from cali.adapters.milvus.cached_index import RememberedHits
from cali.adapters.milvus.index import MilvusIndex, collection_name, is_server
from cali.core.errors import Misconfigured, Retryable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cali.core.models import Hit, KnowledgeEntry

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
VERSION = "2026-01-01-a"
NAME = collection_name(VERSION, HashedEmbedder.name)


def source(tmp_path: Path) -> Path:
    folder = tmp_path / "built"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "rows").write_bytes(b"0123456789" * 100)
    (folder / "LOCK").write_text("")
    return folder


def test_what_is_published_can_be_taken(tmp_path: Path) -> None:
    assert index_files.publish(tmp_path / "home", "one", source(tmp_path))
    assert index_files.take(tmp_path / "home", "one", tmp_path / "copy")
    assert (tmp_path / "copy" / "deep" / "rows").read_bytes() == b"0123456789" * 100
    assert not (tmp_path / "copy" / "LOCK").exists()
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["one"]


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "added", "no seal", "half a seal"])
def test_a_damaged_index_is_not_taken_and_can_be_replaced(tmp_path: Path, damage: str) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    index_files.publish(home, "one", source(tmp_path))
    rows, seal = home / "one" / "deep" / "rows", home / "one" / index_files.SEAL
    if damage == "truncated":
        rows.write_bytes(rows.read_bytes()[:-1])
    elif damage == "changed":
        rows.write_bytes(b"9" + rows.read_bytes()[1:])
    elif damage == "missing":
        rows.unlink()
    elif damage == "added":
        (home / "one" / "wal").write_text("x")
    elif damage == "no seal":
        seal.unlink()
    else:
        seal.write_text(seal.read_text()[:9])
    assert not index_files.take(home, "one", copy)
    assert not copy.exists()
    assert index_files.publish(home, "one", tmp_path / "built")
    assert index_files.take(home, "one", copy)


def test_an_index_that_is_not_there_is_not_taken(tmp_path: Path) -> None:
    assert not index_files.take(tmp_path, "none", tmp_path / "copy")


def test_only_the_newest_are_kept_and_killed_builders_are_cleared(tmp_path: Path) -> None:
    home, built = tmp_path / "home", source(tmp_path)
    (home / ".building-killed").mkdir(parents=True)
    os.utime(home / ".building-killed", (1_000, 1_000))
    for age, name in enumerate(["a", "b", "c", "d"]):
        index_files.publish(home, name, built)
        os.utime(home / name / index_files.SEAL, (10_000 + age, 10_000 + age))
    assert sorted(path.name for path in home.iterdir()) == ["b", "c", "d"]


def test_a_folder_that_cannot_be_written_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not index_files.publish(tmp_path / "file" / "home", "one", source(tmp_path))


def first(home: Path, entries: Sequence[KnowledgeEntry] = ENTRIES, text: str = MEMORY.symptoms[0]) -> str:
    index = MilvusIndex(str(home), HashedEmbedder())
    try:
        index.ensure(VERSION, entries)
        return index.search(text, 3)[0].id
    finally:
        index.close()


def test_lite_builds_once_and_then_reads(tmp_path: Path) -> None:
    assert first(tmp_path) == "memory"
    (seal,) = tmp_path.glob(f"*/{index_files.SEAL}")
    written = seal.stat().st_mtime_ns
    assert first(tmp_path) == "memory"
    assert seal.stat().st_mtime_ns == written
    assert seal.parent.name == NAME


def test_lite_rebuilds_what_is_damaged(tmp_path: Path) -> None:
    first(tmp_path)
    for path in tmp_path.rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:50])
    assert first(tmp_path) == "memory"
    assert index_files.take(tmp_path, NAME, tmp_path / "copy")


def test_lite_rebuilds_what_is_whole_but_of_another_schema(tmp_path: Path) -> None:
    index_files.publish(tmp_path / "home", NAME, source(tmp_path))
    assert first(tmp_path / "home") == "memory"


def test_lite_rebuilds_when_the_number_of_rows_is_wrong(tmp_path: Path) -> None:
    assert first(tmp_path, entries=(HOST, DISK)) != "memory"
    assert first(tmp_path, entries=ENTRIES) == "memory"


def test_lite_answers_when_its_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert first(tmp_path / "file" / "home") == "memory"


def test_a_lock_of_another_process_is_in_nobodys_way(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    first(tmp_path)
    with (tmp_path / NAME / "LOCK").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert first(tmp_path) == "memory"


SCRIPT = """
import sys
from cali.adapters.milvus.index import MilvusIndex
from cali.adapters.memory.knowledge_index import HashedEmbedder
from tests.contracts.entries import ENTRIES
index = MilvusIndex(sys.argv[1], HashedEmbedder())
index.ensure("2026-01-01-a", ENTRIES)
print(index.search("no space left on device", 1)[0].id)
"""


def test_two_processes_at_the_same_time_both_answer_and_leave_nothing_else(tmp_path: Path) -> None:
    home, private = tmp_path / "home", tmp_path / "private"
    private.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in (*sys.path, ".") if path),
        "TMPDIR": str(private),
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(home)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(2)
    ]
    outcomes = [(*process.communicate(timeout=60), process.returncode) for process in running]
    assert outcomes == [("disk\n", "", 0)] * 2
    assert [path.name for path in home.iterdir()] == [NAME]
    assert list(private.iterdir()) == []


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


class CountingIndex(ReferenceIndex):
    """The reference index, and how often it was made ready and asked."""

    readied = asked = 0

    def ensure(self, version: str, entries: Sequence[KnowledgeEntry]) -> None:
        self.readied += 1
        super().ensure(version, entries)

    def search(self, text: str, limit: int) -> list[Hit]:
        self.asked += 1
        return super().search(text, limit)


def remembered(folder: Path, version: str = VERSION) -> tuple[RememberedHits, CountingIndex]:
    inner = CountingIndex(HashedEmbedder())
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

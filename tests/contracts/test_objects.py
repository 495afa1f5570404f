"""The contract of Objects and Pointers: in memory, a folder, and a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.functional.aws_account import BUCKET, Account, account

from cali.adapters.aws.s3 import S3Objects
from cali.adapters.files.objects import FolderObjects
from cali.adapters.memory.objects import MemoryObjects
from cali.core.errors import Conflict, Misconfigured
from cali.core.ports import Tagged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Both = FolderObjects | S3Objects | MemoryObjects


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


@pytest.fixture(params=["memory", "folder", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    if request.param == "memory":
        yield MemoryObjects()
    elif request.param == "folder":
        yield FolderObjects(tmp_path)
    else:
        made = S3Objects(request.getfixturevalue("aws").client("s3"), BUCKET)
        yield made
        for key in list(made.keys()):
            made.drop(key)


def test_what_is_put_is_there(kept: Both) -> None:
    assert kept.get("learning/a/one.json") is None
    kept.put("learning/a/one.json", b"1")
    kept.put("learning/a/one.json", b"2")
    assert kept.get("learning/a/one.json") == b"2"


def test_keys_are_found_by_any_prefix_in_order(kept: Both) -> None:
    for key in ("raw/dt=2026-11-21/b.gz", "raw/dt=2026-11-20/z", "raw/dt=2026-11-20/a.gz", "rawer"):
        kept.put(key, b"x")
    assert list(kept.keys("raw/")) == [
        "raw/dt=2026-11-20/a.gz",
        "raw/dt=2026-11-20/z",
        "raw/dt=2026-11-21/b.gz",
    ]
    assert list(kept.keys("raw/dt=2026-11-2")) == list(kept.keys("raw/"))
    assert len(list(kept.keys())) == 4
    assert list(kept.keys("nothing/")) == []


def test_what_is_dropped_is_gone_and_dropping_again_is_nothing(kept: Both) -> None:
    kept.put("a/b", b"x")
    kept.drop("a/b")
    kept.drop("a/b")
    assert kept.get("a/b") is None
    assert list(kept.keys("a/")) == []


def test_a_pointer_is_read_only_when_it_changed(kept: Both) -> None:
    assert kept.read("p.json") == Tagged(b"", "")
    tag = kept.swap("p.json", b"one", "")
    assert kept.read("p.json") == Tagged(b"one", tag)
    assert kept.read("p.json", tag) is None
    newer = kept.swap("p.json", b"two", tag)
    assert kept.read("p.json", tag) == Tagged(b"two", newer)


def test_of_two_writers_the_slower_is_told(kept: Both) -> None:
    tag = kept.swap("p.json", b"one", "")
    with pytest.raises(Conflict):
        kept.swap("p.json", b"mine", "")
    kept.swap("p.json", b"theirs", tag)
    with pytest.raises(Conflict):
        kept.swap("p.json", b"mine", tag)
    read = kept.read("p.json")
    assert read is not None
    assert read.body == b"theirs"


def test_a_pointer_that_vanished_is_a_conflict_for_who_read_it(kept: Both) -> None:
    tag = kept.swap("p.json", b"one", "")
    kept.drop("p.json")
    with pytest.raises((Conflict, Misconfigured)):
        kept.swap("p.json", b"two", tag)


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="not a key below"):
        FolderObjects(tmp_path / "home").put("../outside", b"x")


def test_a_name_that_is_no_text_is_told_where_it_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b\udcff.json").write_bytes(b"x")
    kept = FolderObjects(tmp_path)
    assert list(kept.keys("other/")) == []
    with pytest.raises(Misconfigured, match="not UTF-8; rename it"):
        list(kept.keys("a/"))


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")  # a loop of links, which unlike a file mode also stops root
    with pytest.raises(Misconfigured, match="cannot be read"):
        list(FolderObjects(tmp_path).keys("a/"))

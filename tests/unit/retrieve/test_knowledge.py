from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cali.core.errors import Misconfigured
from cali.core.models import Severity
from cali.stages.retrieve.knowledge import knowledge_of, load

FIXTURES = Path(__file__).parent / "knowledge"
ENTRY = """
  - id: {id}
    title: {title}
    symptoms: ["the frob is stuck"]
    match: ["frob is stuck"]
    cause: The frob needs oil.
    fix: ["Oil it."]
    severity: warning
"""


def write(
    folder: Path, name: str, *entries: str, head: str = 'version: "2026-03-01"\narea: frob\nentries:'
) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(head + "".join(entries), encoding="utf-8")
    return path


def one(name: str = "frob-stuck", title: str = "Stuck") -> str:
    return ENTRY.format(id=name, title=title)


def test_entries_come_as_written() -> None:
    knowledge = load(FIXTURES)
    entry = knowledge.entries["pod-oom-killed"]
    assert entry.match == ((r"\bOOMKilled\b",), ("memory cgroup out of memory", "kill(ed)? process"))
    assert (entry.area, entry.severity, entry.tags) == ("cluster", Severity.CRITICAL, ("pod", "memory"))
    assert knowledge.version.startswith("2026-02-10-")
    assert list(knowledge.entries) == sorted(knowledge.entries)


def test_a_day_without_quotes_is_a_version(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", one(), head="version: 2026-02-10\narea: frob\nentries:")
    assert load(tmp_path).version.startswith("2026-02-10-")


def test_the_version_is_of_the_content_not_of_the_files(tmp_path: Path) -> None:
    write(tmp_path / "one", "a.yaml", one("a"), one("b"))
    write(tmp_path / "two", "y.yaml", one("b"))
    write(tmp_path / "two", "x.yaml", one("a"))
    write(tmp_path / "other", "a.yaml", one("a"), one("b", title="Different"))
    versions = [load(tmp_path / name).version for name in ("one", "two", "other")]
    assert versions[0] == versions[1] != versions[2]


def test_the_team_wins_by_id(tmp_path: Path) -> None:
    write(tmp_path / "shipped", "a.yaml", one("a"), one("b"))
    write(tmp_path / "team", "mine.yaml", one("b", title="Ours"), one("c"))
    knowledge = load(tmp_path / "shipped", team=tmp_path / "team")
    assert {name: entry.title for name, entry in knowledge.entries.items()} == {
        "a": "Stuck",
        "b": "Ours",
        "c": "Stuck",
    }


def test_a_warm_load_is_the_same_and_reads_no_yaml(tmp_path: Path) -> None:
    folder, cache = tmp_path / "kb", tmp_path / "cache"
    shutil.copytree(FIXTURES, folder)
    cold = load(folder, cache=cache)
    assert load(folder, cache=cache) == cold
    (kept,) = cache.iterdir()
    assert kept.name.startswith("knowledge-")


def test_a_changed_file_is_seen_at_once(tmp_path: Path) -> None:
    write(tmp_path / "kb", "a.yaml", one("a"))
    before = load(tmp_path / "kb", cache=tmp_path / "cache")
    write(tmp_path / "kb", "a.yaml", one("a", title="New"))
    after = load(tmp_path / "kb", cache=tmp_path / "cache")
    assert after.entries["a"].title == "New"
    assert after.version != before.version


@pytest.mark.parametrize("damage", [b"", b"{", b"x" * 500])
def test_a_damaged_cache_is_not_believed(tmp_path: Path, damage: bytes) -> None:
    cold = load(FIXTURES, cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(damage)
    assert load(FIXTURES, cache=tmp_path) == cold
    kept.write_bytes(kept.read_bytes().replace(b"limit", b"LIMIT"))
    assert load(FIXTURES, cache=tmp_path) == cold


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert load(FIXTURES, cache=tmp_path / "file" / "cache") == load(FIXTURES)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: [", "is not valid YAML"),
        ("area: x\nentries: []", "version: Field required"),
        ('version: "today"\narea: x\nentries: []', "version: String should match"),
        (
            'version: "2026-01-01"\narea: x\nentries: [3]',
            "entry #1: the file: Input should be a valid dictionary",
        ),
    ],
)
def test_a_file_of_another_shape_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("cause: The frob needs oil.", ""), "cause: Field required"),
        (
            ("severity: warning", "severity: bad"),
            "severity: Input should be 'critical', 'error' or 'warning'",
        ),
        (("match:", "matches:"), "match: Field required"),
        (('["frob is stuck"]', '["frob ("]'), "pattern 'frob (' does not compile"),
        (("title: Stuck", "title: 3"), "title: Input should be a valid string"),
        (("id: frob-stuck", "id: Frob Stuck"), "id: String should match"),
        (('fix: ["Oil it."]', "fix: []"), "fix: List should have at least 1 item"),
    ],
)
def test_a_faulty_entry_is_named(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = write(tmp_path, "a.yaml", one("fine"), one().replace(*change))
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: entry ")


def test_an_id_twice_is_named_with_both_files(tmp_path: Path) -> None:
    first = write(tmp_path, "a.yaml", one("same"))
    second = write(tmp_path, "b.yaml", one("same"))
    with pytest.raises(Misconfigured, match=f"^{second}: entry same: is also in {first}$"):
        load(tmp_path)
    second.unlink()
    write(tmp_path, "a.yaml", one("same"), one("same"))
    with pytest.raises(Misconfigured, match="entry same: is here twice"):
        load(tmp_path)


def test_no_folder_and_no_entries_are_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no such knowledge folder"):
        load(tmp_path / "gone")
    with pytest.raises(Misconfigured, match="the knowledge base is empty"):
        load(tmp_path)


def test_knowledge_of_entries_at_hand_has_the_same_version() -> None:
    loaded = load(FIXTURES)
    assert knowledge_of(reversed(list(loaded.entries.values())), "2026-02-10") == loaded


def test_the_shipped_knowledge_loads() -> None:
    assert len(load().entries) > 100

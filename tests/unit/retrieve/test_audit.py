from __future__ import annotations

from pathlib import Path

import pytest

from cali.stages.retrieve.audit import accepted_menus, audit, gather, menus, slow
from cali.stages.retrieve.knowledge import knowledge_of, load, shipped, yaml_files

FIXTURES = Path(__file__).parent / "knowledge"
FILE = """
version: "2026-03-01"
area: frob
entries:
  - id: frob-stuck
    title: Stuck
    symptoms: ["the frob is stuck"]
    match: ["frob is stuck"]
    cause: The frob needs oil.
    fix: ["Oil it."]
    severity: warning
    references: ["https://example.org/frob"]
"""


def faults_of(tmp_path: Path, *changes: tuple[str, str], more: str = "") -> list[str]:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "frob.yaml"
    path.write_text(text + more)
    sources, faults = gather([path])
    return [str(fault).removeprefix(f"{path}: entry ") for fault in (*faults, *audit(sources, {}))]


def test_sound_knowledge_has_no_faults(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == []
    sources, faults = gather(yaml_files(FIXTURES))
    assert [*faults, *audit(sources, {})] == []


def test_an_example_must_match_its_own_signature(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, ('["the frob is stuck"]', '["the frob is stuck", "frob jammed"]'))
    assert fault == "frob-stuck: its signature does not match its symptom 'frob jammed'"


def test_an_example_must_not_go_to_another_entry(tmp_path: Path) -> None:
    other = (
        FILE.split("entries:\n")[1]
        .replace("frob-stuck", "frob-general")
        .replace('["frob is stuck"]', '["the frob is stuck"]')
    )
    (fault,) = faults_of(tmp_path, more=other)
    assert fault.startswith("frob-stuck: its symptom 'the frob is stuck' also matches frob-general")


def test_a_team_entry_replaces_the_shipped_one_of_its_id(tmp_path: Path) -> None:
    (tmp_path / "frob.yaml").write_text(FILE)
    sources, _ = gather([tmp_path / "frob.yaml"])
    assert list(audit(sources, load(tmp_path).entries)) == []


def test_an_id_may_be_there_once(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, more=FILE.split("entries:\n")[1])
    assert fault.startswith("frob-stuck: its id is also in ")


def test_references_are_https(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, ("https://example.org", "http://example.org"))
    assert "is not an https URL" in fault


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        r"(\w*\s*)*x",
        "(?:.*,)*.*z".replace(",", "[a,]"),
        "a.*b.*c.*d.*e",
        "(?:(?:ab?)+)+",
        "[a-z]+Pool",
        "(?:x|[a-z]+y)z",
    ],
)
def test_patterns_that_some_texts_hold_up_are_named(pattern: str, tmp_path: Path) -> None:
    assert slow(pattern)
    faults = faults_of(tmp_path, ('match: ["frob is stuck"]', f"match: ['frob is stuck', '{pattern}']"))
    assert any("pattern" in fault for fault in faults)


@pytest.mark.parametrize(
    "pattern",
    [
        "lookup .*: no such host",
        r"java(?:\.\w+)*Exception",
        "a.*b.*c.*d",
        r"limit \d+(?:,\d+)*",
        "x{1,8}y{2}",
    ],
)
def test_quick_patterns_pass(pattern: str) -> None:
    assert slow(pattern) == ""


def test_the_shipped_knowledge_is_sound() -> None:
    sources, faults = gather(yaml_files(shipped()))
    assert [str(fault) for fault in (*faults, *audit(sources, {}))] == []
    assert len(sources) > 300


def test_a_pattern_that_may_take_for_ever_is_told_and_not_tried(tmp_path: Path) -> None:
    text = "a" * 64 + "!"
    (fault,) = faults_of(
        tmp_path, ('["the frob is stuck"]', f'["{text}"]'), ('["frob is stuck"]', '["(a+)+$"]')
    )
    assert fault.startswith("frob-stuck: pattern '(a+)+$' repeats a part that itself repeats")


BRANCHES = """
    branches:
      - id: dry
        title: Dry
        when: ["dry"]
        symptoms: ["the frob is stuck: dry"]
        cause: The frob has no oil.
        fix: ["Oil it."]
"""
MENU = (
    "The frob is stuck because it has no oil or the wrong oil, or its belt is broken or too long, or the motor "
    "is off, too hot, jammed, unplugged or gone."
)


def test_a_branch_is_an_entry_and_its_parent_only_suggests(tmp_path: Path) -> None:
    path = tmp_path / "frob.yaml"
    path.write_text(FILE.rstrip() + BRANCHES)
    sources, faults = gather([path])
    assert faults == []
    parent, branch = (source.entry for source in sources)
    assert (parent.id, parent.asserts) == ("frob-stuck", False)
    assert (branch.id, branch.asserts, branch.match) == ("frob-stuck.dry", True, (("frob is stuck", "dry"),))
    assert (branch.references, branch.severity) == (parent.references, parent.severity)
    assert list(audit(sources, {})) == []


def test_a_branch_has_one_signature_and_an_example(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, more=BRANCHES.replace('        when: ["dry"]\n', ""))
    assert "give either `when` or `match`" in fault
    (fault,) = faults_of(
        tmp_path, more=BRANCHES.replace('        symptoms: ["the frob is stuck: dry"]\n', "")
    )
    assert fault == "frob-stuck.dry: the branch matches no example of its entry; give it `symptoms`"


def test_an_unknown_product_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, ("area: frob", "area: frob\nproducts: [frobber]"))
    assert fault == "frob-stuck: product 'frobber' is unknown; add it to products.py or use 'any'"


def test_a_menu_of_causes_is_a_fault_unless_it_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "frob.yaml"
    path.write_text(FILE.replace("The frob needs oil.", MENU))
    sources, _ = gather([path])
    (fault,) = menus(sources, ())
    assert "its cause is a menu of causes" in fault.what
    assert list(menus(sources, ["frob-stuck"])) == []
    path.write_text(FILE)
    sources, _ = gather([path])
    (fault,) = menus(sources, ["frob-stuck"])
    assert fault.what == "its cause is no menu: remove it from menus.txt"


def test_menus_are_accepted_by_a_list_beside_the_file(tmp_path: Path) -> None:
    assert accepted_menus(tmp_path) == frozenset()
    (tmp_path / "menus.txt").write_text("frob-stuck\n")
    assert accepted_menus(tmp_path) == accepted_menus(tmp_path / "frob.yaml") == {"frob-stuck"}


def test_the_first_branch_that_matches_wins(tmp_path: Path) -> None:
    other = (
        BRANCHES.split("branches:\n")[1]
        .replace("id: dry", "id: other")
        .replace('when: ["dry"]', 'when: ["stuck"]')
    )
    path = tmp_path / "frob.yaml"
    path.write_text(FILE.rstrip() + BRANCHES.rstrip() + "\n" + other)
    sources, faults = gather([path])
    assert faults == []
    signatures = knowledge_of((source.entry for source in sources), "2026-03-01").signatures()
    assert signatures.matching("the frob is stuck: dry") == ("frob-stuck.dry", "frob-stuck")
    assert signatures.matching("the frob is stuck: rust") == ("frob-stuck.other", "frob-stuck")

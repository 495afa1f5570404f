from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.models import KnowledgeEntry, Severity
from cali.stages.retrieve.knowledge import load
from cali.stages.retrieve.literals import NOTHING, needs
from cali.stages.retrieve.signatures import Signatures

KNOWLEDGE = load(Path(__file__).parent / "knowledge")
SIGNATURES = Signatures(KNOWLEDGE.entries.values(), KNOWLEDGE.needed)


def entry(name: str, *match: str | tuple[str, ...], unless: tuple[str, ...] = ()) -> KnowledgeEntry:
    return KnowledgeEntry(
        id=name,
        title=name,
        area="test",
        symptoms=("x",),
        match=tuple((m,) if isinstance(m, str) else m for m in match),
        cause="c",
        fix=("f",),
        severity=Severity.ERROR,
        unless=unless,
    )


def test_every_example_is_recognised() -> None:
    for known in KNOWLEDGE.entries.values():
        for symptom in known.symptoms:
            assert SIGNATURES.matching(symptom)[0] == known.id


def test_routine_text_matches_nothing() -> None:
    assert SIGNATURES.matching("GET /healthz 200 0.3ms, connections: 12, errors: 0") == ()
    assert SIGNATURES.matching("") == ()


def test_all_patterns_of_a_list_must_hold() -> None:
    signatures = Signatures([entry("both", ("left side", "right side"))])
    assert signatures.matching("left side only") == ()
    assert signatures.matching("RIGHT SIDE before\nthe Left Side") == ("both",)


def test_any_alternative_will_do_and_the_best_counts() -> None:
    signatures = Signatures([entry("any", "short", "much longer text")])
    (short,) = signatures.matches("short")
    (best,) = signatures.matches("short, or much longer text")
    assert (short.weight, best.weight) == (5, 16)


def test_an_exclusion_rules_out() -> None:
    assert SIGNATURES.matching('Failed to pull image "a": manifest unknown') == ("pod-image-missing",)
    assert SIGNATURES.matching('Failed to pull image "a": manifest unknown: unauthorized') == ()


def test_the_more_specific_entry_is_first() -> None:
    text = 'could not connect to server: Connection refused. Is the server running on host "db"?'
    assert SIGNATURES.matching(text) == ("postgres-refused", "tcp-refused")


def test_the_order_of_the_entries_does_not_matter() -> None:
    text = "alpha beta gamma"
    entries = [entry("b", "alpha beta"), entry("a", "beta gamma"), entry("c", "gamma")]
    assert Signatures(entries).matches(text) == Signatures(entries[::-1]).matches(text)
    assert Signatures(entries).matching(text) == ("a", "b", "c")


def test_a_dot_stays_on_its_line_and_anchors_mean_lines() -> None:
    signatures = Signatures([entry("dot", "start.*end"), entry("anchor", "^at the start$")])
    assert signatures.matching("start\nend") == ()
    assert signatures.matching("x\nAt The Start\ny") == ("anchor",)


def test_patterns_without_a_literal_still_count() -> None:
    signatures = Signatures([entry("digits", r"\d{3}-\d{4}"), entry("short", "ab")])
    assert signatures.matching("call 555-1234") == ("digits",)
    assert signatures.matching("xABx") == ("short",)


def test_the_ends_of_a_huge_text_are_read() -> None:
    signatures = Signatures([entry("first", "at the very beginning"), entry("last", "caused by the end")])
    text = "at the very beginning" + "\n    at frame" * 100_000 + "\ncaused by the end"
    assert set(signatures.matching(text)) == {"first", "last"}


@pytest.mark.parametrize(
    ("pattern", "anyof"),
    [
        ("OOMKilled", ("oomkilled",)),
        (r"\bexit code:? 137\b", ("exit code",)),
        ("connection refused|ECONNREFUSED", ("connection refused", "econnrefused")),
        ("could not (?:open|read) file", ("could not ",)),
        (r"(?:foo bar)+ baz", ("foo bar",)),
        (r"(?:optional text)? must", (" must",)),
        (r"[a-z]+\d*", ()),
        ("a|.*", ()),
        ("(?!no such)thing", ("thing",)),
        ("straße gone", ("e gone",)),
    ],
)
def test_what_a_pattern_needs(pattern: str, anyof: tuple[str, ...]) -> None:
    assert set(needs(pattern).anyof) == set(anyof)


def test_a_pattern_that_cannot_be_read_needs_nothing() -> None:
    assert needs("(") == NOTHING


PARTS = st.sampled_from(
    ["ab", "cde", "(?:fg|hij)", "(?:kl)?", "x+", r"\d*", ".", "[mn]", "(?:op|)", "(?=q)", "kiss", "K"]
)
ODD = "\u212a\u017f\u0130\u0131"  # letters outside ASCII that match k, s and i in a case-insensitive pattern


@settings(max_examples=150)
@given(
    st.lists(PARTS, min_size=1, max_size=5).map("".join),
    st.text("abcdefghijklmnopqsxK1 \n" + ODD, max_size=30),
)
def test_the_filter_never_hides_a_match(pattern: str, text: str) -> None:
    holds = re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None
    assert bool(Signatures([entry("e", pattern)]).matching(text)) == holds


@pytest.mark.parametrize("text", ["\u212aiss", "ki\u017f\u017f", "K\u0131ss", "k\u0130ss"])
def test_letters_that_stand_for_others_are_seen_as_the_patterns_see_them(text: str) -> None:
    assert bool(Signatures([entry("e", "kiss")]).matching(text)) == bool(
        re.search("kiss", text, re.IGNORECASE)
    )

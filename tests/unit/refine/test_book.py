"""A template book finds parameters that look like words, and depends only on its input."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.errors import Misconfigured
from cali.stages.refine import book
from tests.unit.refine.test_template import templater

NAMES = ["anna", "bert", "chris", "dora", "emil", "frida", "gustav", "hanna"]
LOGINS = [f"login of {name} was refused by the gate" for name in NAMES]
STATES = [
    f"task moved from {a} to {b} now"
    for a, b in [
        ("NEW", "READY"),
        ("READY", "DONE"),
        ("DONE", "GONE"),
        ("NEW", "GONE"),
        ("READY", "GONE"),
        ("LOST", "GONE"),
    ]
]
texts = st.lists(
    st.sampled_from([f"{a} of {b} is {c}" for a in "pqrs" for b in "abcdefgh" for c in ("<*>", "up")])
)


def test_a_place_of_many_words_is_a_parameter():
    learnt = book.learn("m", LOGINS)
    assert learnt.merged("login of zoe was refused by the gate") == "login of <*> was refused by the gate"
    assert learnt.merged("login of zoe was accepted by the gate") == "login of zoe was accepted by the gate"


def test_states_are_not_parameters():
    assert book.learn("m", STATES).merges == []


@pytest.mark.parametrize(
    "statements",
    [
        [f"Service {what}" for what in ("started", "stopped", "failed", "crashed", "paused", "resumed")],
        [f"Connection to <*> {what}" for what in ("refused", "reset", "closed", "opened", "lost")],
        [f"Failed to {verb} file" for verb in ("open", "read", "delete", "write", "move")],
        [f"error: {what}" for what in ("disk full", "access denied", "bad gateway", "no route", "too late")],
    ],
)
def test_statements_that_say_different_things_stay_apart(statements: list[str]):
    assert book.learn("m", statements).merges == []


def test_two_parameters_that_both_look_like_words_are_found():
    rooms = ("red", "blue", "lounge", "kitchen", "hall")

    learnt = book.learn("m", [f"in room {room} sits {name} now" for name in NAMES for room in rooms])

    assert learnt.merges == ["in room <*> sits <*> now"]


def test_a_few_words_are_not_enough():
    assert book.learn("m", LOGINS[:3]).merges == []


def test_statements_that_differ_in_their_first_word_stay_apart():
    assert book.learn("m", [f"{name} startup succeeded" for name in NAMES]).merges == []


@given(texts, texts)
def test_a_merge_of_books_is_the_book_of_both_inputs(first: list[str], second: list[str]):
    both = book.learn("m", first + second)
    assert book.merge(book.learn("m", first), book.learn("m", second)) == both
    assert book.merge(book.learn("m", second), book.learn("m", first)).merges == both.merges


@settings(max_examples=10)
@given(st.randoms(use_true_random=False), st.integers(0, 2000))
def test_order_and_a_flood_of_values_change_nothing(rnd: random.Random, values: int):
    seen = LOGINS + STATES + [f"no road to {i:x}land today".replace("0", "o") for i in range(values)]
    learnt = book.learn("m", seen)
    rnd.shuffle(seen)
    half = len(seen) // 2
    assert book.learn("m", seen) == learnt
    assert book.merge(book.learn("m", seen[:half]), book.learn("m", seen[half:])) == learnt


def test_a_book_is_small_whatever_it_was_learnt_from(tmp_path: Path):
    words = ["".join(random.Random(i).choices("abcdefghij", k=8)) for i in range(20_000)]
    book.save(book.learn("m", [f"visitor {word} came in" for word in words]), tmp_path / "book")
    assert (tmp_path / "book").stat().st_size < 30_000


def test_a_saved_book_is_the_same_book(tmp_path: Path):
    learnt = book.learn("m", LOGINS + STATES)
    book.save(learnt, tmp_path / "book")
    assert book.load(tmp_path / "book", "m") == learnt


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "not a template book"), (b"[]", "not a template book"), (b'{"format": 9, "masks": "m", "templates": []}', "format"),
     (b'{"format": 1, "masks": "old", "templates": []}', "learnt with masks old"), (b'{"format": 1, "masks": "m", "templates": [1]}', "format")],
)  # fmt: skip
def test_a_file_that_is_no_book_is_refused(tmp_path: Path, content: bytes, says: str):
    (tmp_path / "book").write_bytes(content)
    with pytest.raises(Misconfigured, match=says):
        book.load(tmp_path / "book", "m")


def test_a_missing_book_is_refused(tmp_path: Path):
    with pytest.raises(Misconfigured, match="No such file"):
        book.load(tmp_path / "none", "m")


def test_books_of_two_mask_versions_do_not_merge():
    with pytest.raises(Misconfigured, match="cannot merge books of masks m and n"):
        book.merge(book.learn("m", []), book.learn("n", []))


def test_a_book_gives_merged_lines_one_fingerprint():
    plain = templater()
    learnt = book.learn(plain.masks.version, [plain.template(m).text for m in LOGINS])
    with_book = type(plain)(plain._redactor, book=learnt)
    ids = {with_book.template(f"login of {name} was refused by the gate").id for name in [*NAMES, "zoe"]}
    assert len(ids) == 1
    assert plain.template("no merge here").id == with_book.template("no merge here").id

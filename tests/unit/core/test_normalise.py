"""The rules treat lines that differ only in digits and ids as one line, and the cache changes no result."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.models import Record
from cali.core.normalise import ZEROS, normalise_ids
from cali.stages.decode import Decoder
from cali.stages.refine.redact import Redactor
from cali.stages.refine.refiner import Refiner

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def normalised(text: str) -> str:
    return normalise_ids(text.encode().translate(ZEROS)).decode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"order {UUID} paid", "order 7c9e6679-7425-40de-944b-e07fc1f90ae7 paid"),
        ("txn_811d8a24ccc3 done", "txn_9f1d8b24ccc3 done"),
        ("usr_0a1b2c left", "usr_7f7f7f left"),
    ],
)
def test_ids_of_one_form_are_made_alike(one: str, other: str):
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    "text", ["the facade of a decade", "order 00000000 paid", "a%0dbead00ff", "xdeadbeef0", "DEADBEEF00"]
)
def test_words_numbers_and_escapes_are_no_ids(text: str):
    assert normalised(text) == text


@given(st.text(alphabet="0af-_ %=:.x", max_size=60))
def test_every_character_keeps_its_place(text: str):
    made = normalised(text)

    assert len(made) == len(text)
    assert normalised(made) == made


_WORDS = st.sampled_from(
    [
        "token",
        "key",
        "password=",
        "api key",
        "Bearer ",
        "://",
        "@example.com",
        "auth",
        "GET /v1/",
        "x=",
        "user%40",
    ]
)
_IDS = st.text(alphabet="0123456789abcdef", min_size=4, max_size=40) | st.uuids().map(str)
_SEPARATORS = st.sampled_from([" ", "=", ": ", "-", "/", "_", "%3d", " 1234 5678 ", ""])
MESSAGES = st.lists(st.tuples(_WORDS | _IDS, _SEPARATORS), max_size=8).map(
    lambda parts: "".join(part + separator for part, separator in parts)
)


@settings(max_examples=300)
@given(st.lists(MESSAGES, max_size=4), MESSAGES)
def test_what_was_seen_before_changes_neither_redaction_nor_template(before: list[str], message: str):
    used, fresh = Refiner(), Refiner()
    for earlier in before:
        used.template(earlier)

    redacted, template = used._templates.redacted(message)

    assert redacted == Redactor().text(message)
    assert template == fresh.template(message)

    # the same if the caller passes the normalised form, twice: the second result is cached
    form = normalise_ids(message.encode().translate(ZEROS))
    for _ in range(2):
        assert used._templates.redacted(message, form) == (redacted, template)


@settings(max_examples=200)
@given(
    st.lists(MESSAGES, max_size=4),
    MESSAGES,
    st.sampled_from(["{}", "2026-11-20 10:00:00 INFO {}", "a=1 msg={}"]),
)
def test_what_was_seen_before_changes_no_record(before: list[str], message: str, form: str):
    used = Decoder()
    for earlier in before:
        used.decode(form.format(earlier).encode(), 1)
    line = form.format(message).encode()

    assert used.decode(line, 7) == Decoder().decode(line, 7)


def test_keys_that_differ_in_a_digit_alone_all_stay():
    record = Decoder().decode(b"level=info msg=stats p50=1 p99=2", 1)

    assert isinstance(record, Record)
    assert record.message == "stats p50=1 p99=2"


def test_a_prefix_of_kubectl_gives_the_line_behind_it_its_source():
    inner = Decoder().decode(b"2026-11-20 10:00:00,123 INFO started", 1)
    record = Decoder().decode(b"[pod/cart-0/app] 2026-11-20 10:00:00,123 INFO started", 1)

    assert isinstance(record, Record)
    assert isinstance(inner, Record)
    assert (record.message, record.severity, record.time) == (inner.message, inner.severity, inner.time)
    assert (record.scope.workload, record.scope.container, record.stream) == ("cart", "app", "cart-0/app")


def test_half_a_prefix_is_a_message():
    record = Decoder().decode(b"[pod/cart-0/app", 1)

    assert isinstance(record, Record)
    assert record.message == "[pod/cart-0/app"

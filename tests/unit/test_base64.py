"""A record's base64 is decoded by the fast path if that gives the result of binascii."""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cali.stages.decode.kinesis_records import unwrapped


def outcome(read, data):
    try:
        return read(data)
    except (ValueError, TypeError) as error:
        return type(error), str(error)


@given(st.binary(max_size=60))
def test_what_was_encoded_comes_back(raw):
    assert unwrapped(b64encode(raw).decode()) == raw


@settings(max_examples=300)
@given(st.text(alphabet="ABab09+/=-_ \né\udc80\x00", max_size=12))
@example("QUI")  # no padding
@example("QQ=A")
@example("QR==")  # extra bits at the end
@example("ab-_")  # the URL-safe alphabet
@example("QUJD\n")
@example("====")
def test_odd_data_is_read_or_refused_as_binascii_does(data):
    assert outcome(unwrapped, data) == outcome(a2b_base64, data)


@pytest.mark.parametrize("data", [b"QUJD", None, 5, b"!"])
def test_data_that_is_no_text_is_read_or_refused_as_binascii_does(data):
    assert outcome(unwrapped, data) == outcome(a2b_base64, data)

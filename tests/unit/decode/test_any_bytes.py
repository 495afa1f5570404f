"""For any bytes: nothing raises, nothing readable is lost, and the cache is invisible."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.growth import LINEAR, growth

from cali.core.models import Quarantined, Record
from cali.stages.decode import MESSAGE_LIMIT, Decoder

TABLE = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))
LINES = [case["line"] for cases in TABLE.values() for case in cases]
SHARED = Decoder("prod", year=2026)

mangled = st.builds(
    lambda line, at, cut, junk: line.encode()[:at] + junk + line.encode()[at + cut :],
    st.sampled_from(LINES),
    st.integers(0, 80),
    st.integers(0, 20),
    st.binary(max_size=4) | st.sampled_from([b"{", b'"', b"[", b"\n", b"}", b"NaN", b"\xff", b"\x1b[1m"]),
)
renumbered = st.builds(
    lambda line, digits: "".join(
        str(next_digit(digits, i)) if c in "0123456789" else c for i, c in enumerate(line)
    ),
    st.sampled_from(LINES),
    st.lists(st.integers(0, 9), min_size=7, max_size=23),
).map(str.encode)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "log",
    "message",
    "msg",
    "level",
    "severity",
    "time",
    "ts",
    "t",
    "s",
    "attr",
    "stream",
    "kubernetes",
    "error",
    "err",
    "stack",
    "status",
    "exit_code",
    "service",
    "@m",
    "@mt",
    "@l",
    "@x",
    "timestamp",
    "type",
    "reason",
    "involvedObject",
    "exception",
    "logtag",
    "labels",
    "name",
    "instant",
]
objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=6).map(orjson.dumps)


def decoded(decoder: Decoder, raw: bytes) -> Record | Quarantined | None:
    """Return the record of a line after which the input ends."""
    return decoder.decode(raw, 3) or next(iter(decoder.rest()), None)


def next_digit(digits: list[int], at: int) -> int:
    return digits[at % len(digits)]


@settings(max_examples=300)
@given(st.binary(max_size=200) | mangled | objects | renumbered)
def test_any_bytes_give_a_record_a_reason_or_nothing(raw):
    # when a decoder that has read other lines, and a new one, decode any bytes
    found, fresh = decoded(SHARED, raw), decoded(Decoder("prod", year=2026), raw)
    # then the answer is one of three, it is not empty, and both decoders agree
    assert found == fresh or repr(found) == repr(fresh)
    if isinstance(found, Record):
        assert found.message.strip()
        found.message.encode()
        assert found.line == 3
    elif isinstance(found, Quarantined):
        assert found.raw == raw
        assert found.reason
    else:
        assert found is None


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Nd", "Po"]), min_size=1, max_size=60))
@settings(max_examples=100)
def test_readable_text_is_never_quarantined_nor_dropped(text):
    assert isinstance(SHARED.decode(text.encode(), 1), Record)


@pytest.mark.parametrize(
    "raw", [b"", b"   ", b"\t\r", b"\0\0\0", b"\x1b[0m", b'{"log":"\\n","stream":"stdout"}']
)
def test_a_blank_line_is_no_record(raw):
    assert Decoder().decode(raw, 1) is None


@pytest.mark.parametrize(
    "raw", [bytes(range(256)), b"\x1f\x8b\x08\x00\x03\xff\xfe\x93\x88" * 20, b"\xff\xfe" * 40]
)
def test_what_is_no_text_is_quarantined_with_its_reason(raw):
    found = Decoder().decode(raw, 9)
    assert isinstance(found, Quarantined)
    assert found.line == 9
    assert found.raw == raw
    assert "UTF-8" in found.reason


def test_a_broken_byte_is_replaced_and_the_line_kept():
    found = Decoder().decode(b"ERROR caf\xe9 is closed", 1)
    assert isinstance(found, Record)
    assert found.message == "caf\ufffd is closed"


@pytest.mark.parametrize(
    "raw",
    [
        b"x" * 1_000_000,
        b"ERROR " + b"key=value " * 100_000,
        b'{"level":"error","msg":"' + b"x" * 1_000_000 + b'"}',
        b"2026-11-20T10:00:00Z stdout F " + b'{"msg":"' + b"x" * 1_000_000 + b'"}',
    ],
    ids=["plain", "pairs", "json", "json in cri"],
)
def test_a_huge_line_is_cut_at_the_limit(raw):
    found = Decoder().decode(raw, 1)
    assert isinstance(found, Record)
    assert len(found.message) <= MESSAGE_LIMIT
    assert len(found.message) > MESSAGE_LIMIT - 100


@pytest.mark.parametrize("depth", [200, 1000, 100_000])
def test_deeply_nested_json_is_a_line_all_the_same(depth):
    for raw in (
        b'{"a":' * depth + b"1" + b"}" * depth,
        b'{"msg":"x","error":' + b"[" * depth + b"]" * depth + b"}",
    ):
        assert isinstance(Decoder().decode(raw, 1), Record)


def test_envelopes_in_envelopes_end():
    raw = b"the core"
    for _ in range(12):
        raw = orjson.dumps({"log": raw.decode(), "stream": "stdout", "time": "2026-11-20T10:00:00Z"})
    assert isinstance(decoded(Decoder(), raw), Record)


def test_the_memos_are_bounded():
    decoder = Decoder()
    for i in range(40_000):
        decoder.decode(f"word{i:x}z".encode().translate(bytes.maketrans(b"0123456789", b"ghijklmnop")), i)
    assert len(decoder._layouts) < 20_000


@pytest.mark.parametrize(
    "head",
    [b"", b"ERROR ", b"2026-11-20 10:00:00 ERROR ", b"2026-11-20 10:00:00 ERROR 1 --- ", b"level=error "],
)
@pytest.mark.parametrize("unit", [b" ", b"a.", b"[a] ", b'[a="b"]', b"a=b ", b'a="', b"- "])
def test_no_line_costs_its_length_squared(head, unit):
    # given a line of the maximum length that the rules read, made of one repeated part
    def decode(size):
        Decoder().decode(head + unit * (size // len(unit)) + b"\n}", 1)

    # when it is decoded, then no rule backtracks
    assert growth(decode, 8_000) < LINEAR

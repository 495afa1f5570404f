"""Lines in Fluent Bit's envelope are read in parts if possible. The result equals that of a full parse."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.models import Quarantined, Record, Severity
from cali.core.normalise import ZEROS, normalise_ids
from cali.stages.decode import Decoder

METADATA = {
    "pod_name": "carts-9qg2xcq8rd-gpq5q",
    "namespace_name": "shop",
    "container_name": "carts",
    "labels": {"app": "carts"},
}
LOGS = [
    "2026-11-20 12:00:00,234 INFO search.index took 17 ms",
    "I1120 12:00:54.011874    1843 server.go:104] served usr_31f56c",
    'level=error msg="no route" order=0f8fad5b-d9cb-469f-a165-70867728950e',
    '{"level":"error","msg":"boom","time":"2026-11-20T12:00:00Z"}',
    '10.0.0.1 - - [20/Nov/2026:12:00:00 +0000] "GET /x HTTP/1.1" 503 0 "-" "-"',
    "plain words\r\n",
    'é \\ " \t ends',
    " ",
    "",
]


def line(log: object, **more: object) -> bytes:
    doc = {
        "@timestamp": "2026-11-20T12:00:00.5Z",
        "log": log,
        "stream": "stdout",
        **more,
        "kubernetes": METADATA,
    }
    return json.dumps(doc, separators=(",", ":"), ensure_ascii=False).encode()


def told(decoder: Decoder, raw: bytes) -> object:
    """Return the parts of a line, without blanks at its end and without `normalised`, which a fully parsed object
    lacks."""
    record = decoder.decode(raw, 1) or next(iter(decoder.rest()), None)
    if isinstance(record, Quarantined):
        return record._replace(raw=record.raw.rstrip(b" "))
    return record and record._replace(message=record.message.rstrip(" "), normalised=b"")


class Both:
    """Two decoders of the same lines. A blank after an object forces a full parse."""

    def __init__(self) -> None:
        self.in_parts, self.whole = Decoder("prod"), Decoder("prod")

    def agree_on(self, raw: bytes) -> bool:
        return told(self.in_parts, raw) == told(self.whole, raw + b" ")


def test_the_pod_and_the_line_in_it_are_both_read():
    record = Decoder("prod").decode(line(LOGS[0]), 7)

    assert isinstance(record, Record)
    assert record.message == "search.index took 17 ms"
    assert record.severity is Severity.INFO
    assert record.time == 1795176000.5
    assert str(record.scope) == "prod/shop/carts/carts"
    assert record.stream == "shop/carts-9qg2xcq8rd-gpq5q/carts/stdout"


@pytest.mark.parametrize("log", [*LOGS, None, 5, {"level": "error"}])
@pytest.mark.parametrize(
    "more", [{}, {"logtag": "P"}, {"logtag": "F"}, {"level": "warn"}, {"msg": "x"}, {"time": 5}]
)
def test_what_is_told_beside_the_line_is_heard(log, more):
    both = Both()
    for _ in range(2):  # the second time from the cache
        assert both.agree_on(line(log, **more))


BITS = (
    '"', "\\", "}", "{", "}}", "]", ",", ":", "\x00", "\udc80", "NaN", ',"kubernetes":{', ',"kubernetes":{"pod_name":"b-1"}',
    ',"kubernetes":5', ',"log":"again"', ',"stream":7', '"@timestamp":1795176000', "\\u00e9", "\\ud800", "abc123", " ", "\n",
)  # fmt: skip
changes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(BITS)), min_size=1, max_size=3
)


def changed(raw: bytes, edits: list[tuple[float, int, str]]) -> bytes:
    for where, cut, bit in edits:
        at = int(where * len(raw))
        raw = raw[:at] + bit.encode("utf-8", "surrogateescape") + raw[at + cut :]
    return raw.replace(b"\n", b" ")


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(LOGS), changes), min_size=1, max_size=4))
def test_a_broken_envelope_is_read_as_if_whole(lines):
    both = Both()
    for log in LOGS:
        assert both.agree_on(line(log))

    for log, edits in lines:
        assert both.agree_on(changed(line(log), edits))


def test_a_line_that_is_no_json_takes_no_pod_from_its_end():
    # given the end of an earlier envelope
    used, raw = Decoder("prod"), line(LOGS[0])
    used.decode(raw, 1)
    # when the same end follows a text that is no object
    record = used.decode(raw.replace(b'"stream"', b'stream"'), 2)
    # then the line is plain text
    assert isinstance(record, Record)
    assert record.scope.workload == ""
    assert record.message.startswith('{"@timestamp"')


words = st.sampled_from(["usr_31f56c", "0f8fad5b-d9cb-469f-a165-70867728950e", "INFO", "ERROR", "a1b2c3", "took", "17", "[main]", "x=1", "-", "12:00:00", "msg=ok", "level=warn", "2026-11-20"])  # fmt: skip


@settings(max_examples=300)
@given(st.lists(words, max_size=8), st.sampled_from([" ", "", "-", ": ", "/"]), st.booleans())
def test_the_form_that_a_record_shares_is_that_of_its_message(parts, between, wrapped):
    text = between.join(parts)
    decoder = Decoder()
    for _ in range(2):
        record = decoder.decode(line(text) if wrapped else text.encode(), 1)
        if isinstance(record, Record) and record.normalised:
            assert record.normalised == normalise_ids(record.message.encode().translate(ZEROS))

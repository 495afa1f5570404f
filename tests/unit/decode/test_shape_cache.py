"""A line that differs from an earlier one only in digits and ids is read by comparison. The result equals that of
parsing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.models import Record, Severity
from cali.core.normalise import ZEROS, normalise_ids
from cali.stages.decode import Decoder

LOGS = [
    "2026-11-20 12:00:00,234 INFO search.index took 17 ms",
    "I1120 12:00:54.011874    1843 server.go:104] served usr_31f56c, bad add",
    'level=error msg="no \\"route" order=0f8fad5b-d9cb-469f-a165-70867728950e',
    '10.0.0.1 - - [20/Nov/2026:12:00:00 +0000] "GET /x HTTP/1.1" 503 0 "-" "-"',
    "abc123 def456-0f8fad5b-d9cb-469f-a165-70867728950e é → 12",
    '\tat a.b.C(C.java:12) "x" \\d12 \r\n',
    '{"level":"info","msg":"boom 12 abc123","time":"2026-11-20T12:00:00Z","n":[1,20,-30,4.5e-05]}',
    '{"level":30,"msg":"boom 12 abc123","err":"boom 12 abc123"}',
    '{"level":"info","status":503,"msg":"request","latency":0.25,"k1":1,"abc123":7,"deep":{"level":5}}',
    '{"level": "info", "event": "read", "product": 11414, "id": "f64a3c41-c1cd-45cb-8f34-595533d3e6e9"}',
    '{"involvedObject":{"kind":"Pod","name":"a-1"},"reason":"Pulled","message":"took 17 s","type":"Normal","n":[1,20]}',
    '{"level":"info","msg":"x 12","msg":"y 12","n":1234567e1}',
    '{"level":"info","msg":"tab\\t12"}',
    '{"status":200,"msg":"no level 12"}',
]


def line(
    log: str, pod: str = "carts-9qg2xcq8rd-gpq5q", time: str = "2026-11-20T12:00:00.5Z", **more: object
) -> bytes:
    """Return a line in the envelope of Fluent Bit, which writes the time last."""
    metadata = {"pod_name": pod, "namespace_name": "shop", "container_name": "carts"}
    doc = {"stream": "stdout", "log": log, **more, "kubernetes": metadata, "@timestamp": time}
    return json.dumps(doc, separators=(",", ":"), ensure_ascii=False).encode()


def metadata_last(raw: bytes) -> bytes:
    """Return the same line with the order of other collectors."""
    doc = json.loads(raw)
    doc["kubernetes"] = doc.pop("kubernetes")
    return json.dumps(doc, separators=(",", ":"), ensure_ascii=False).encode()


def told(decoder: Decoder, raw: bytes) -> object:
    """Return the parts of a line, without `normalised`, which an object has only after the first of its shape."""
    record = decoder.decode(raw, 1) or next(iter(decoder.rest()), None)
    return record._replace(normalised=b"") if isinstance(record, Record) else record


def knowing(*lines: bytes) -> Decoder:
    """Return a decoder with the shapes of these lines. Shapes of objects are stored at their second occurrence."""
    decoder = Decoder("prod")
    for raw in lines * 3:
        decoder.decode(raw, 1)
    return decoder


def is_known(decoder: Decoder, raw: bytes) -> bool:
    return decoder._shape_cache.read(raw, 1) is not None  # results do not show whether the cache was used


@pytest.mark.parametrize("log", LOGS[:11])
def test_a_line_that_came_before_is_known(log):
    assert is_known(knowing(line(log)), line(log))
    other = metadata_last(line(log))
    assert is_known(knowing(other), other)
    assert told(knowing(other), other) == told(knowing(line(log)), line(log))


@pytest.mark.parametrize(
    "raw",
    [
        line("x 1")[:-1] + b',"extra":"1"}',
        line("x 1").replace(b'"@timestamp"', b'"@timestamp":"","@timestamp"'),
        line('},"@timestamp":"2026-11-20T12:00:00Z'),
        line(',"kubernetes":{"pod_name":"x"}'),
        line("x 1").replace(b'12:00:00.5Z"', b'12:00:00\\"Z"'),
    ],
)
def test_an_envelope_of_another_end_gives_what_parsing_gives(raw):
    assert told(knowing(raw), raw) == told(Decoder("prod"), raw)


@pytest.mark.parametrize(
    ("seen", "other"),
    [
        ("took 17 ms", "took 90 ms"),
        ("user abc123", "user ff00ff"),
        ("order 0f8fad5b-d9cb-469f-a165-70867728950e", "order 1aaaaaaa-0000-ffff-0000-bbbbbbbbbbbb"),
        ('{"level":"info","msg":"took 17 ms","n":20}', '{"level":"info","msg":"took 90 ms","n":99}'),
    ],
)
def test_a_line_that_differs_in_digits_and_ids_is_known(seen, other):
    decoder = knowing(line(seen), line(LOGS[0], pod="carts-0"))

    assert is_known(decoder, line(other, pod="carts-0"))
    assert told(decoder, line(other, pod="carts-0")) == told(Decoder("prod"), line(other, pod="carts-0"))


@pytest.mark.parametrize(
    ("seen", "other"),
    [
        (line("an add 1"), line("an bad 1")),
        (line("user abc123"), line("user abcdef")),
        (line("user abc123"), line("user 123456")),
        (line("user abc123"), line("user 1bc123")),
        (line('{"level":30,"msg":"x"}'), line('{"level":50,"msg":"x"}')),
        (line('{"level":"info","msg":"x","n":10}'), line('{"level":"info","msg":"x","n":01}')),
        (line("x 1"), line("x 1", time="2026-13-20T12:00:00.5Z")),
        (line("x 1"), line("x 1", pod="carts-9qg2xcq8rd-gpq6q")),
        (line("\\u0041 1").replace(b"\\\\", b"\\"), line("\\u0042 1").replace(b"\\\\", b"\\")),
        (line("x 1", logtag="F1"), line("x 1", logtag="F2")),
    ],
)
def test_a_line_of_another_form_is_not_known(seen, other):
    decoder = knowing(seen)

    assert not is_known(decoder, other)
    assert told(decoder, other) == told(Decoder("prod"), other)


def test_digits_that_tell_a_severity_are_looked_at():
    decoder = knowing(line(LOGS[3]))
    record = decoder.decode(line(LOGS[3].replace("503", "200")), 1)

    assert isinstance(record, Record)
    assert record.severity is Severity.INFO


def test_a_piece_of_a_line_is_never_taken_for_a_whole_one():
    # given a line with a known shape, and a piece that waits for its rest
    decoder = knowing(line("took 17 ms"))
    assert decoder.decode(line("took ", logtag="P"), 1) is None
    # when the line with the known shape arrives on the same stream
    record = decoder.decode(line("took 17 ms"), 2)
    # then it is the rest
    assert isinstance(record, Record)
    assert record.message == "took took 17 ms"


places = st.lists(
    st.tuples(st.floats(0, 0.999), st.sampled_from("0123456789abcdef")), min_size=1, max_size=12
)


def ladder(raw: bytes, steps: list[tuple[float, str]]) -> bytes:
    """Return the line with other digits: the next one at each place, or the next letter if it is in an id."""
    made = bytearray(raw)
    for where, digit in steps:
        for at in range(int(where * len(made)), len(made)):
            if chr(made[at]) in "0123456789abcdef":
                made[at] = ord(digit)
                break
    return bytes(made)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(LOGS), places), min_size=1, max_size=6))
def test_what_is_known_gives_what_reading_gives(lines):
    used = knowing(*map(line, LOGS))

    for log, steps in lines:
        raw = ladder(line(log), steps)
        assert told(used, raw) == told(Decoder("prod"), raw)
        record = used.decode(raw, 1)
        if isinstance(record, Record) and record.normalised:
            assert record.normalised == normalise_ids(record.message.encode().translate(ZEROS))

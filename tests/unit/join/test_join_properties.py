"""Properties for any input: nothing is lost, repeated or moved, and interleaving of streams changes no block."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cali.core.models import Record, Severity
from cali.core.normalise import ZEROS, normalise_ids
from cali.stages.join import Joiner, Limits, gist, text

_CASES = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))
LINES = sorted({line for case in _CASES for event in case["events"] for line in event.splitlines()})

messages = st.one_of(st.sampled_from(LINES), st.sampled_from(LINES), st.text(max_size=30))
records = st.builds(
    Record,
    line=st.just(0),
    message=messages,
    time=st.sampled_from([None, None, 1.0, 2.0, 9.0]),
    severity=st.sampled_from([None, None, None, Severity.INFO, Severity.ERROR]),
    stream=st.sampled_from(["", "a", "b", "c"]),
    partial=st.sampled_from([False, False, False, False, True]),
    normalised=st.just(b""),
)
inputs = st.lists(records, max_size=60).map(
    lambda rows: [row._replace(line=place) for place, row in enumerate(rows, 1)]
)
limits = st.builds(
    Limits,
    lines=st.integers(1, 12),
    bytes=st.integers(1, 400),
    seconds=st.sampled_from([0.5, 5.0]),
    gap=st.integers(1, 40),
)
WIDE = Limits(gap=1_000_000)
quick = settings(max_examples=150)


def _join(rows, bounds, cuts=frozenset(), flushes=frozenset()):
    joiner, out = Joiner(bounds), []
    for row in rows:
        if row.line in cuts:
            joiner = Joiner(bounds, joiner.pending())
        if row.line in flushes:
            out += joiner.flush()
        out += joiner.push(row)
    return out + joiner.flush()


def _by_stream(blocks):
    streams = defaultdict(list)
    for block in blocks:
        streams[block.records[0].stream].append([record.message for record in block.records])
    return dict(streams)


places = st.frozensets(st.integers(1, 60), max_size=6)


@quick
@given(inputs, limits, places, places)
def test_records_come_out_once_in_order_and_within_the_limits(rows, bounds, cuts, flushes):
    blocks = _join(rows, bounds, cuts, flushes)

    assert sorted(record for block in blocks for record in block.records) == sorted(rows)
    firsts = [block.records[0].line for block in blocks]
    assert firsts == sorted(firsts)
    for block in blocks:
        assert len({record.stream for record in block.records}) == 1
        assert [record.line for record in block.records] == sorted(record.line for record in block.records)
        assert len(block.records) <= bounds.lines
        size = sum(len(record.message.encode("utf-8", "surrogatepass")) for record in block.records)
        assert len(block.records) == 1 or size <= bounds.bytes


@quick
@given(inputs, st.randoms(use_true_random=False))
def test_the_interleaving_of_streams_changes_no_block(rows, chance):
    queues = defaultdict(list)
    for row in rows:
        queues[row.stream].append(row)
    mixed = []
    while queues:
        name = chance.choice(sorted(queues))
        mixed.append(queues[name].pop(0))
        if not queues[name]:
            del queues[name]

    assert _by_stream(_join(mixed, WIDE)) == _by_stream(_join(rows, WIDE))


@quick
@given(inputs, places)
def test_a_hand_over_changes_no_block(rows, cuts):
    assert _join(rows, WIDE, cuts) == _join(rows, WIDE)


@quick
@given(inputs, limits, places, st.integers(0, 3))
def test_a_released_block_is_complete_and_no_record_is_lost(rows, bounds, looks, distance):
    joiner, found, latest = Joiner(bounds), [], 0

    def settled(block):
        return block.records[-1].line <= latest - distance

    for row in rows:
        found += joiner.push(row)
        if row.line in looks:
            latest = row.line
            released = joiner.release(settled)
            assert all(map(settled, released))
            assert not any(map(settled, joiner.pending()))
            found += released
    found += joiner.flush()

    assert sorted(record for block in found for record in block.records) == sorted(rows)


@quick
@given(inputs)
def test_the_form_that_lines_share_changes_no_block(rows):
    # given the same records with the normalised messages that decode passes on
    known = [
        row._replace(normalised=normalise_ids(row.message.encode("utf-8", "surrogatepass").translate(ZEROS)))
        for row in rows
    ]

    # then they are joined as without them
    def lines(blocks):
        return [[record.line for record in block.records] for block in blocks]

    assert lines(_join(known, WIDE)) == lines(_join(rows, WIDE))


@quick
@given(inputs)
def test_text_and_gist_take_any_block(rows):
    for block in _join(rows, WIDE):
        whole = text(block)
        assert whole.replace("\n", "") == "".join(record.message for record in block.records).replace(
            "\n", ""
        )
        assert isinstance(gist(whole), str)
        assert gist(whole) or not whole.strip()

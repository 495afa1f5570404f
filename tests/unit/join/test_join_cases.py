"""Multi-line events of every runtime, as data in cases.yaml: alone, interleaved with all others, wrapped, and cut."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from cali.core.models import Record
from cali.stages.join import Joiner, Limits, gist, text
from cali.stages.join.line_patterns import ADOPTED, FRAMES, OPENINGS, SUSPECT

CASES = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text(encoding="utf-8"))
NAMES = [case["name"] for case in CASES]
WIDE = Limits(gap=1_000_000)


def _events(case):
    return [event.removesuffix("\n") for event in case["events"]]


def _lines(case):
    return [line for event in _events(case) for line in event.split("\n")]


def _join(records, limits=WIDE):
    joiner = Joiner(limits)
    blocks = [block for record in records for block in joiner.push(record)]
    return blocks + joiner.flush()


def test_there_are_enough_cases_and_names_are_unique():
    assert len(set(NAMES)) == len(NAMES) >= 40


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_lines_of_one_stream_become_its_events(case):
    records = [Record(number, line) for number, line in enumerate(_lines(case), 1)]

    assert [text(block) for block in _join(records)] == _events(case)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_hand_over_before_every_line_changes_nothing(case):
    joiner, blocks = Joiner(WIDE), []
    for number, line in enumerate(_lines(case), 1):
        joiner = Joiner(WIDE, pending=joiner.pending())
        blocks += joiner.push(Record(number, line))

    assert [text(block) for block in blocks + joiner.flush()] == _events(case)


# With a time, the line above counts as logged, so rows without a logger may belong to it.
TIMED = [case for case in CASES if not any(event.startswith(" ") for event in _events(case)[1:])]


@pytest.mark.parametrize("case", TIMED, ids=lambda case: case["name"])
def test_a_time_from_the_container_runtime_on_every_line_changes_nothing(case):
    records = [
        Record(number, line, time=100.0 + number / 1000) for number, line in enumerate(_lines(case), 1)
    ]

    assert [text(block) for block in _join(records)] == _events(case)


@pytest.mark.parametrize("case", [case for case in CASES if "gists" in case], ids=lambda case: case["name"])
def test_the_gist_names_the_failure(case):
    assert [gist(event) for event in _events(case)] == case["gists"]


@pytest.mark.parametrize("seed", range(5))
def test_all_cases_interleaved_give_the_same_events(seed):
    chance = random.Random(seed)
    queues = {case["name"]: _lines(case) for case in CASES}
    records: list[Record] = []
    while queues:
        name = chance.choice(list(queues))
        records.append(Record(len(records) + 1, queues[name].pop(0), stream=name))
        if not queues[name]:
            del queues[name]

    blocks = _join(records)

    firsts = [block.records[0].line for block in blocks]
    assert firsts == sorted(firsts)
    for case in CASES:
        mine = [text(block) for block in blocks if block.records[0].stream == case["name"]]
        assert mine == _events(case)


def test_the_first_test_of_a_line_accepts_all_that_the_tables_accept():
    for line in (line for case in CASES for line in _lines(case)):
        if any(pattern.match(line) for pattern, _ in (*FRAMES, *ADOPTED, *OPENINGS)):
            assert SUSPECT.match(line) or ":  " in line, line

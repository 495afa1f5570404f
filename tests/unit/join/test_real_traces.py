"""What real programs wrote when they failed: every event in `traces/` stays whole, alone and between other writers.

`%%` on a line of its own separates the events of a file. The programs ran in Python 3.12, Node 20, Java 17, Go 1.19,
Ruby 3.1, PHP 8.2, Rust 1.9x and Erlang/OTP 25; `dotnet`, `mybatis` and `rabbitmq` follow the formats of their sources.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cali.core.models import Block, Record
from cali.stages.decode import Decoder
from cali.stages.join import Joiner, gist, text

FILES = sorted(Path(__file__).with_name("traces").glob("*.log"))
OTHERS = (
    '10.0.0.9 - - [30/Nov/2026:10:00:00 +0000] "GET /healthz HTTP/1.1" 200 2 "-" "kube-probe/1.33"',
    "2026-11-30 10:00:00,123 INFO shop.search query took 3 ms",
    "time=2026-11-30T10:00:00.5Z level=info msg=served path=/v1/cart status=200",
)


def _events(file: Path) -> list[list[str]]:
    parts = file.read_text(encoding="utf-8").split("%%\n")
    return [[line for line in part.split("\n") if line.strip()] for part in parts]


def _joined(lines: list[str]) -> list[Block]:
    decoder, joiner, blocks = Decoder(year=2026), Joiner(), []
    for number, line in enumerate(lines, 1):
        record = decoder.decode(line.encode(), number)
        assert isinstance(record, Record)
        blocks += joiner.push(record)
    return blocks + joiner.flush()


def _numbers(blocks: list[Block]) -> list[list[int]]:
    return [[record.line for record in block.records] for block in blocks]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_event_of_a_program_is_one_block(file):
    events = _events(file)

    blocks = _joined([line for event in events for line in event])

    assert [len(block.records) for block in blocks] == [len(event) for event in events]


INTERLEAVED = ("dotnet", "erlang_logger", "java", "mybatis", "python", "ruby")


@pytest.mark.parametrize("name", INTERLEAVED)
@pytest.mark.parametrize("every", [2, 3, 5])
def test_frames_find_their_trace_when_another_service_writes_between_them(name, every):
    # given the longest trace with a head that a logger wrote, and lines of other services between its lines
    event = max(
        (event for event in _events(Path(__file__).with_name("traces") / f"{name}.log") if _headed(event)),
        key=lambda event: sum("at " in line or "File " in line for line in event),
    )
    lines: list[str] = []
    mine = set()
    for place, line in enumerate(event):
        if place and place % every == 0:
            lines.append(OTHERS[place % len(OTHERS)])
        lines.append(line)
        mine.add(len(lines))

    blocks = _joined(lines)

    # then no frame and no exception is an event of its own
    firsts = [block.records[0].message for block in blocks if block.records[0].line in mine]
    assert not [first for first in firsts[1:] if first.lstrip().startswith(("at ", "File ", "Caused by"))]
    assert len(blocks[0].records) >= 2
    assert "Traceback (most recent call last):" not in firsts


def _headed(event: list[str]) -> bool:
    record = Decoder(year=2026).decode(event[0].encode(), 1)
    return isinstance(record, Record) and record.severity is not None and len(event) > 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("erlang_logger", "crasher: e:init/1: bad key: zz"),
        ("rabbitmq", "crasher: rabbit_reader:init/3: no match of right hand side value {error,enospc}"),
    ],
)
def test_the_gist_of_a_crash_report_is_who_stopped_and_why(name, expected):
    events = _events(Path(__file__).with_name("traces") / f"{name}.log")

    gists = [gist(text(block)) for block in _joined([line for event in events for line in event])]

    assert expected in gists


def test_two_crashes_of_one_kind_share_a_gist():
    report = "  crasher:\n    initial call: e:init/1\n    pid: <0.{0}.0>\n    exception exit: no_lease\n    heap_size: {0}"

    assert gist(report.format(7)) == gist(report.format(9876)) == "crasher: e:init/1: no_lease"

"""Objects printed over several lines are read as objects, not as words."""

from __future__ import annotations

import json

import pytest

from cali.core.models import Block, Event, Record, Severity
from cali.stages.decode import Decoder
from cali.stages.refine.refiner import Refiner
from cali.usecases.pipeline import Pipeline


def refined(*lines: str) -> list[Event]:
    numbered = [(number, line.encode()) for number, line in enumerate(lines, 1)]
    return list(Pipeline(Decoder(), Refiner()).events(numbered))


@pytest.mark.parametrize(("level", "severity"), [("info", Severity.INFO), ("error", Severity.ERROR)])
def test_a_level_in_a_printed_object_counts_and_its_words_do_not(level, severity):
    # given an object over several lines whose words contradict its level
    said = {
        "level": level,
        "msg": "2 failed, retrying",
        "time": "2026-11-20T10:00:00Z",
        "tags": {"a": [1, 2]},
    }
    # when it is joined and refined
    (event,) = refined(*json.dumps(said, indent=2).split("\n"))
    # then it is the same event as on one line
    (on_one_line,) = refined(json.dumps(said))
    assert (event.message, event.severity, event.levelled) == ("2 failed, retrying", severity, True)
    assert event.template == on_one_line.template
    assert event.time == on_one_line.time
    assert event.lines == tuple(range(1, 12))


def test_a_stack_in_a_printed_object_is_kept():
    said = {"level": "error", "msg": "lost", "err": {"stack": "TypeError: x is null\n    at f (a.js:1)"}}
    (event,) = refined(*json.dumps(said, indent=2).split("\n"))
    assert event.message == "lost\nTypeError: x is null\n    at f (a.js:1)"


@pytest.mark.parametrize(
    "text", ['{\n  "path": "/x",\n  "size": 3\n}', "{\n  ok: true,\n  state: 'up'\n}", "{\n}"]
)
def test_what_is_no_log_object_stays_as_it_was(text):
    (event,) = refined(*text.split("\n"))
    assert event.message == text


def test_an_object_that_the_end_of_a_batch_cut_is_read():
    pieces = ('{"level":"warn","m', 'sg":"slow disk"}')
    first, last = (Record(number, piece, partial=number == 1) for number, piece in enumerate(pieces, 1))
    event = Refiner().refine(Block((first, last)))
    assert (event.message, event.severity) == ("slow disk", Severity.WARNING)

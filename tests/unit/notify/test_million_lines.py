"""A fault with a million error lines in an hour: one message, at most one edit a minute, at most five replies."""

from __future__ import annotations

from itertools import pairwise

from cali.stages.detect import Sighting
from tests.scenarios.alert_town import START, Town

LINES, HOUR, BATCH = 1_000_000, 3_600, 1_000


def test_a_million_error_lines_in_an_hour_are_one_message():
    town = Town()
    batches = LINES // BATCH
    for number in range(batches):
        town.do_at(number * HOUR / batches)
        severity = "critical" if number > batches // 2 else "error"  # the severity increases on the way
        incident = town.incident("a", severity=severity)
        seen = Sighting(incident, "shard", number, number, ((number, BATCH),))
        town.seen(incident, seen)
        if number == 10:
            town.do_diagnose("a")
    town.do_at(HOUR + 300)

    (message,) = town.slack.shown()
    assert town.stored("a").incident.count == LINES
    assert 0 < len(message.edits) <= 61
    assert all(later - before >= 60 for before, later in pairwise(message.edits))
    assert len(town.slack.shown(thread=None)) <= 5
    assert "1,000,000" in str(message.content["blocks"])
    assert message.at - START < 1
    town.check()
    town.close()

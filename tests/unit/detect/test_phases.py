"""Orderly starts and stops open no incident; the same lines in normal running do."""

from __future__ import annotations

import pytest
from tests.unit.detect.events import CRITICAL, INFO, WARNING, at, event

from cali.stages.detect import Detector
from cali.stages.detect.phases import LINES, SECONDS

OVERCOMMIT = "WARNING Memory overcommit must be enabled! A background save may fail under low memory."
STOPS = [
    ("received fast shutdown request", "terminating connection due to administrator command"),
    ("Exiting Master process...", "Current worker (7) exited with code 143 (Terminated)"),
    ("Handling signal: term", "worker 9 exited on signal 15 (SIGTERM)"),
]


def _incidents(*events):
    detector = Detector(lambda each: WARNING if each.severity is WARNING else None)
    for each in events:
        detector.observe(each)
    return detector.incidents()


@pytest.mark.parametrize(("stop", "ended"), STOPS)
def test_what_an_ordered_stop_ends_is_no_failure(stop, ended):
    assert not _incidents(event(stop, INFO, line=1, time=1.0), event(ended, CRITICAL, line=2, time=1.5))


@pytest.mark.parametrize("ended", [ended for _, ended in STOPS])
def test_the_same_line_without_a_stop_is_a_failure(ended):
    (found,) = _incidents(event("order 7 placed", INFO, line=1), event(ended, CRITICAL, line=2))

    assert found.severity is CRITICAL


def test_a_stop_covers_its_own_workload_only():
    stop, ended = STOPS[0]

    assert _incidents(event(stop, INFO, scope=at("db")), event(ended, CRITICAL, line=2, scope=at("other")))


def test_a_stop_is_over_after_a_minute_or_a_start():
    stop, ended = STOPS[0]
    begun = event(stop, INFO, line=1, time=1.0)
    start = event("PostgreSQL is starting", INFO, line=2, time=2.0)

    assert _incidents(begun, event(ended, CRITICAL, line=2, time=1.0 + SECONDS + 1))
    assert _incidents(begun, start, event(ended, CRITICAL, line=3, time=3.0))


def test_other_errors_during_a_stop_are_failures():
    stop, _ = STOPS[0]

    assert _incidents(
        event(stop, INFO, line=1, time=1.0), event("could not write block 7", CRITICAL, line=2, time=1.1)
    )


def test_a_caution_of_a_start_is_no_failure():
    start = event("Server initialized", INFO, line=1)

    assert not _incidents(start, event(OVERCOMMIT, WARNING, line=2))
    assert _incidents(start, event(OVERCOMMIT, WARNING, line=LINES + 2))
    assert _incidents(event(OVERCOMMIT, WARNING, line=2))

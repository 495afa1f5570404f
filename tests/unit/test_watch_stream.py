"""The incidents of a stream, with a clock of the test."""

from __future__ import annotations

import pytest

from cali.core.models import Diagnosis, Evidence, Origin, Severity
from cali.stages.decode import Decoder
from cali.stages.refine.refiner import Refiner
from cali.testing import FakeClock, MemoryIncidents
from cali.usecases.watch_stream import AGAIN, LOOK, OLDEST, WINDOW, News, StreamWatcher

STAMP = "2026-11-20T12:00:00Z"
REFUSED = f"{STAMP} WARN dial tcp 10.0.0.9:5432: connect: connection refused, retrying in 1s"


class Watch:
    """A watcher with a fake clock: feed lines, let seconds pass, read news."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        unknown = Diagnosis(Origin.NONE, (Evidence(1, "x"),))
        self.watcher = StreamWatcher(
            Decoder(),
            Refiner(),
            lambda event: Severity.ERROR if "refused" in event.message else None,  # as a known error
            lambda _: unknown,
            MemoryIncidents(),
            self.clock(),
        )

    def write(self, *lines: str) -> None:
        self.watcher.feed([("-", line.encode()) for line in lines])

    def news(self, seconds: float) -> list[News]:
        end, found = self.clock() + seconds, []
        while self.clock() < end:
            self.clock.sleep(LOOK)
            found += self.watcher.look(self.clock())
        return found


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_an_error_is_news_within_two_looks_and_its_repetition_is_none(watch: Watch) -> None:
    watch.write(f"{STAMP} ERROR gear jammed")
    assert [(news.what, news.incident.title) for news in watch.news(2 * LOOK)] == [("opened", "gear jammed")]
    watch.write(f"{STAMP} ERROR gear jammed")
    assert watch.news(2 * OLDEST) == []
    assert [found.count for found in watch.watcher.incidents()] == [2]


def test_a_warning_waits_for_a_success_and_is_no_news_after_it(watch: Watch) -> None:
    watch.write(REFUSED)
    assert watch.news(WINDOW / 2) == []
    watch.write(f"{STAMP} INFO connection established")
    assert watch.news(2 * OLDEST) == []


def test_a_warning_without_a_success_is_news_after_its_wait(watch: Watch) -> None:
    watch.write(REFUSED)
    assert watch.news(WINDOW / 2) == []
    assert [news.what for news in watch.news(WINDOW)] == ["opened"]


def test_a_burst_is_news_once_an_hour(watch: Watch) -> None:
    watch.write(f"{STAMP} ERROR gear jammed")
    watch.news(OLDEST)
    kinds = []
    for minute in range(1, 12):
        stamp = f"2026-11-20T12:{minute:02}:00Z"
        watch.write(*[f"{stamp} ERROR gear jammed"] * (1 if minute < 8 else 500))
        kinds += [news.what for news in watch.news(LOOK * 3)]
    assert watch.clock() - FakeClock()() < AGAIN
    assert kinds == ["burst"]

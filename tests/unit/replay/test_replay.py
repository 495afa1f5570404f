"""A replay: its incidents, its independence of clock and order, and its cost."""

from __future__ import annotations

from tests.unit.replay.logs import at, entry, knowing, line, numbered

from cali.core.life import ChangeKind
from cali.core.models import Origin, Severity
from cali.stages.detect import LifePolicy
from cali.usecases.replay import ReplayVersions, Terms, replay

FULL = entry("disk-full", "no space left on device")
LOG = numbered(
    [
        line(0, "INFO started"),
        line(1, "ERROR write /data/7: no space left on device"),
        line(2, "ERROR write /data/8: no space left on device"),
        line(3, "ERROR the frobnicator of shelf 3 is bent"),
        line(4, "ERROR the frobnicator of shelf 4 is bent"),
        line(5, "INFO done"),
    ]
)


def test_the_same_lines_and_versions_give_the_same_outcome() -> None:
    versions = ReplayVersions(knowing(FULL), model="gpt-4o-mini")

    assert replay(LOG, versions) == replay(iter(LOG), versions)
    assert repr(replay(LOG, versions)) == repr(replay(LOG, versions))


def test_what_is_known_has_its_cause_and_the_rest_says_that_nobody_was_asked() -> None:
    full, bent = replay(LOG, ReplayVersions(knowing(FULL), model="gpt-4o-mini")).incidents

    assert full.diagnosis is not None
    assert bent.diagnosis is not None
    assert (full.count, full.diagnosis.origin, full.diagnosis.cause) == (
        2,
        Origin.KNOWLEDGE,
        "The disk is full.",
    )
    assert (bent.count, bent.diagnosis.origin) == (2, Origin.NONE)
    assert bent.diagnosis.versions["gate"] == "not in the knowledge base; a replay asks no model"


def test_the_cost_is_one_call_for_each_kind_of_unknown_error() -> None:
    lines = numbered(
        [line(n, f"ERROR [{workload}] the frobnicator is bent") for n in range(3) for workload in ("a", "b")]
        + [line(9, "ERROR the gromet is loose"), line(9, "ERROR no space left on device")]
    )

    cost = replay(lines, ReplayVersions(knowing(FULL), model="gpt-4o-mini")).cost

    templates = {one.template.id for one in replay(lines, ReplayVersions(knowing(FULL))).incidents}
    assert cost.calls == len(templates) - 1
    assert cost.tokens_out == 900 * cost.calls
    assert cost.dollars == round((0.15 * cost.tokens_in + 0.6 * cost.tokens_out) / 1e6, 6)


def test_without_a_model_nothing_is_counted_and_one_without_a_price_says_so() -> None:
    assert replay(LOG, ReplayVersions(knowing(FULL))).cost.calls == 0

    unpriced = replay(LOG, ReplayVersions(knowing(FULL), model="my-own")).cost

    assert (unpriced.calls, unpriced.dollars, unpriced.priced) == (1, 0.0, False)


def test_only_events_of_the_time_asked_for_count() -> None:
    outcome = replay(LOG, ReplayVersions(knowing(FULL)), Terms(since=at(1.5), until=at(3.5)))

    assert [one.count for one in outcome.incidents] == [1, 1]
    assert outcome.counts.outside == 4
    assert (outcome.began, outcome.ended) == (at(2), at(3.5))


def test_what_people_called_no_error_is_not_raised_and_is_counted() -> None:
    bent = replay(LOG, ReplayVersions(knowing(FULL))).incidents[1]

    outcome = replay(LOG, ReplayVersions(knowing(FULL)), Terms(suppressed=frozenset({bent.id})))

    assert [one.title for one in outcome.incidents] == ["write /data/7: no space left on device"]
    assert outcome.counts.suppressed == 1


def test_an_incident_that_comes_back_after_silence_has_a_life_of_several_changes() -> None:
    lines = numbered(
        [line(minutes, "ERROR the frobnicator is bent") for minutes in (0, 5, 60, 61)]
        + [line(300, "INFO ok")]
    )

    changes = replay(lines, ReplayVersions(knowing()), Terms(life=LifePolicy(quiet_after=1800.0))).changes

    assert [(one.kind, one.at, one.count) for one in changes] == [
        (ChangeKind.OPENED, at(0), 1),
        (ChangeKind.QUIET, at(35), 2),
        (ChangeKind.RECURRED, at(60), 3),
        (ChangeKind.QUIET, at(121), 4),  # it recurred soon, so the required silence has doubled
    ]
    assert [one.number for one in changes] == [1, 2, 3, 4]


def test_the_time_until_which_a_replay_goes_may_end_a_life() -> None:
    lines = numbered([line(0, "ERROR the frobnicator is bent")])
    short = replay(lines, ReplayVersions(knowing()), Terms(until=at(29)))
    long = replay(lines, ReplayVersions(knowing()), Terms(until=at(31)))

    assert [one.kind for one in short.changes] == [ChangeKind.OPENED]
    assert [one.kind for one in long.changes] == [ChangeKind.OPENED, ChangeKind.QUIET]


def test_a_warning_that_is_a_known_error_lives_as_one() -> None:
    lines = numbered([line(n, "WARN volume 3: no space left on device") for n in range(3)])

    outcome = replay(lines, ReplayVersions(knowing(FULL)))

    assert [(one.severity, one.count) for one in outcome.incidents] == [(Severity.ERROR, 3)]
    assert [one.kind for one in outcome.changes] == [ChangeKind.OPENED]


def test_lines_without_a_year_take_the_one_given() -> None:
    klog = numbered([b"E1120 02:00:00.000000 1 reflector.go:147] the frobnicator is bent"])

    assert replay(klog, ReplayVersions(knowing())).began is None
    assert replay(klog, ReplayVersions(knowing()), Terms(year=2026)).began == at(0)

"""The alerts of a replay: the rules applied to the lifecycles, in the time of the lines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.replay.logs import at, entry, knowing, line, numbered

from cali.adapters.memory.alerts import MemoryAlerts
from cali.adapters.memory.incidents import MemoryIncidents
from cali.core.models import Severity
from cali.stages.detect import LifePolicy
from cali.stages.notify.rules import Destination, Route, Rules, When
from cali.stages.notify.rules_file import parse
from cali.stages.notify.sink import Style
from cali.usecases.replay import ReplayResult, ReplayVersions, Terms, replay
from cali.usecases.replay.alert_counts import AlertCount, ReplayStores, count_alerts

BENT = entry("bent", "frobnicator", "Somebody bent it.")
TO_TEAM = Rules((Route("all", When(), (Destination("team", "C1"),)),))


def outcome(*minutes: float, until: float = 500) -> ReplayResult:
    lines = numbered([line(n, "ERROR the frobnicator is bent") for n in minutes])
    return replay(
        lines, ReplayVersions(knowing(BENT)), Terms(until=at(until), life=LifePolicy(quiet_after=1800.0))
    )


def places(of: ReplayResult, rules: Rules = TO_TEAM, style: Style = Style.LIVING) -> tuple[AlertCount, ...]:
    return count_alerts(
        of, rules, lambda _: style, ReplayStores(MemoryIncidents(), MemoryAlerts()), knowing(BENT).entries.get
    )


def test_one_incident_is_one_message_that_is_changed_when_it_falls_quiet() -> None:
    assert places(outcome(0, 1, 2)) == (AlertCount("team", "C1", posts=1, edits=1, replies=0),)
    assert places(outcome(0, 1, 2, until=3)) == (AlertCount("team", "C1", posts=1, edits=0, replies=0),)


@pytest.mark.parametrize(("style", "posts"), [(Style.LIVING, 1), (Style.LETTERS, 1), (Style.EVENTS, 4)])
def test_one_that_comes_back_is_told_as_each_place_takes_it(style: Style, posts: int) -> None:
    (place,) = places(outcome(0, 60), style=style)  # opened, quiet, recurred, quiet

    assert place.posts == posts
    assert (place.replies > 0) == (style is Style.LIVING)


def test_the_same_is_told_each_time() -> None:
    assert places(outcome(0, 60, 200)) == places(outcome(0, 60, 200))


def test_a_route_that_does_not_want_it_tells_nobody() -> None:
    picky = Rules((replace(TO_TEAM.routes[0], when=replace(When(), severity=Severity.CRITICAL)),))

    assert places(outcome(0), picky) == ()
    assert places(replay([], ReplayVersions(knowing())), picky) == ()


def test_quiet_hours_are_those_of_the_lines() -> None:
    # The lines begin at 02:00 UTC.
    rules = parse(
        "routes:\n  - {name: all, send: [{sink: team, channel: C1}]}\nsinks: {team: {kind: slack_bot}}\n"
        "quiet_hours: {start: '01:00', end: '03:00', zone: UTC, let: critical}\n",
        "rules",
    )

    assert places(outcome(0, until=30), rules) == ()
    assert places(outcome(90, until=95), rules) == (AlertCount("team", "C1", posts=1),)

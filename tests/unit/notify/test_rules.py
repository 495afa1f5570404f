"""The file of alert rules: its meaning, and one line with the place for every fault in it."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from cali.core.errors import Misconfigured
from cali.core.models import Scope, Severity
from cali.stages.notify.rules import QuietHours, fits, quiet_until
from cali.stages.notify.rules_file import DEFAULT, parse

FULL = """
sinks:
  team: {kind: slack_bot, channel: "#alerts"}
routes:
  - name: db
    when: {scope: [prod/db, "*/*/postgres*"], severity: critical, tags: database}
    send:
      - {sink: team, channel: "#db", mention: "@here"}
      - pagerduty
  - send: [team]
quiet_hours: {start: 22:00, end: "07:30", zone: Asia/Seoul, days: [mon, fri], let: error}
maintenance:
  - {scope: prod/shop, start: 2026-11-20T22:00:00+09:00, end: "2026-11-20T23:00:00+09:00", why: release}
storm: {incidents: 3, seconds: 30}
links: {Logs: "https://x/{fingerprint}?to={to_ms}"}
"""


def test_a_whole_file():
    rules = parse(FULL, "rules.yaml")

    first, second = rules.routes
    assert (first.name, second.name) == ("db", "number 2")
    assert first.when.severity is Severity.CRITICAL
    assert first.when.tags == ("database",)
    assert [send.key for send in first.send] == ["team #db", "pagerduty"]
    assert rules.use("team").options == {"channel": "#alerts"}
    assert rules.use("pagerduty").kind == "pagerduty"
    assert rules.quiet_hours
    assert (rules.quiet_hours.start, rules.quiet_hours.end) == (time(22), time(7, 30))
    assert rules.maintenance[0].end - rules.maintenance[0].start == 3_600
    assert rules.storm.incidents == 3
    assert DEFAULT.routes[0].send[0].sink == "console"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "rules.yaml:1: the file: must be a mapping"),
        ("routes: {", "rules.yaml:1: not YAML"),
        ("sinks: {}", "rules.yaml:1: the file: routes: missing"),
        ("routes: []", "rules.yaml:1: routes: is empty"),
        ("routes:\n  - when: {}\n", "rules.yaml:2: routes.0: send: missing"),
        (
            "routes:\n  - send: []\n    when: {severty: error}\n",
            "rules.yaml:3: routes.0.when.severty: unknown",
        ),
        (
            "routes:\n- send: []\n  when: {severity: bad}",
            "rules.yaml:3: routes.0.when.severity: 'bad' is not a severity; use",
        ),
        (
            "routes:\n- send: []\n  when: {scope: a/b/c/d/e}",
            "rules.yaml:3: routes.0.when.scope: 'a/b/c/d/e' has more",
        ),
        ("routes:\n- send:\n  - {channel: x}", "rules.yaml:3: routes.0.send.0: sink: missing"),
        ("routes:\n- send: [7]", "rules.yaml:2: routes.0.send.0: must be a mapping"),
        ("sinks:\n  a: {channel: x}\nroutes: [{send: [a]}]", "rules.yaml:2: sinks.a: kind: missing"),
        ("routes: [{send: []}]\nquiet_hours: {start: 1, end: 2}", "rules.yaml:2: quiet_hours: zone: missing"),
        ("routes: [{send: []}]\nquiet_hours: {start: 25:00, end: 2:00, zone: UTC}", "quiet_hours.start"),
        (
            "routes: [{send: []}]\nquiet_hours: {start: 1:00, end: 2:00, zone: Mars}",
            "quiet_hours.zone: 'Mars'",
        ),
        (
            "routes: [{send: []}]\nquiet_hours: {start: 1:00, end: 2:00, zone: UTC, days: [x]}",
            "'x' is not a day; use mon",
        ),
        (
            "routes: [{send: []}]\nmaintenance: [{start: 2026-11-20, end: soon}]",
            "maintenance.0.end: 'soon' is not a time",
        ),
        (
            "routes: [{send: []}]\nmaintenance:\n- {start: 2026-11-21, end: 2026-11-20}",
            "must be after the start",
        ),
        (
            "routes: [{send: []}]\nstorm: {incidents: 0}",
            "rules.yaml:2: storm.incidents: must be a number, at least 1",
        ),
        ("routes: [{send: []}]\nstorm: {incidents: .nan}", "storm.incidents: must be a number"),
        ("routes: [{send: []}]\nlinks: {a: 'javascript:x'}", "links.a: 'javascript:x' is not an HTTP URL"),
        ("routes: [{send: []}]\nlinks: {a: 'https://x/{nope}'}", "links.a: {nope} is not a placeholder; use"),
        ("routes: [{send: []}]\nmaintenance: [{start: 2026-99-99, end: 2026-11-20}]", "rules.yaml"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str):
    with pytest.raises(Misconfigured) as raised:
        parse(text, "rules.yaml")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("pattern", "fit"),
    [("*", True), ("prod", True), ("prod/shop", True), ("prod/s*/orders", True), ("*/*/orders/api", True),
     ("prod/pay", False), ("pro", False), ("*/*/*/web", False), ("prod/shop/[a-z]rders", True)],
)  # fmt: skip
def test_scopes(pattern: str, fit: bool):
    assert fits(Scope("prod", "shop", "orders", "api"), pattern) is fit


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-20T12:59", None),  # a Friday, 21:59 in Seoul
        ("2026-11-20T13:00", "2026-11-20T22:00"),
        ("2026-11-20T21:59", "2026-11-20T22:00"),  # Saturday morning belongs to the night of Friday
        ("2026-11-20T22:00", None),
        ("2026-11-21T13:30", None),  # the night of Saturday is not listed
    ],
)
def test_quiet_hours_pass_midnight_and_belong_to_the_day_they_begin_on(now: str, until: str | None):
    quiet = QuietHours(time(22), time(7), ZoneInfo("Asia/Seoul"), ("fri",))

    assert quiet_until(quiet, at(now)) == (at(until) if until else None)


def test_quiet_hours_on_the_night_the_clocks_change():
    quiet = QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))

    assert quiet_until(quiet, at("2026-10-24T22:00")) == at("2026-10-25T06:00")  # an hour longer

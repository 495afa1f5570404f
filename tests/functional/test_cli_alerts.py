"""`cali alerts test` and `cali incidents`, as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.functional.shell import Ran, inside, outside

LOG = b"""2026-11-20T02:31:07Z FATAL:  sorry, too many clients already
2026-11-20T02:31:08Z ERROR [http-1] o.e.Orders - checkout failed for \x1b[31mbob
2026-11-20T02:31:09Z ERROR payment 12 declined by bank
"""
RULES = """
routes:
  - {name: critical, when: {severity: critical}, send: [{sink: slack_bot, channel: "#db", mention: "@here"}, pagerduty]}
  - {name: rest, send: [console]}
quiet_hours: {start: 22:00, end: "07:00", zone: Asia/Seoul}
"""


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "app.log").write_bytes(LOG)
    ran = inside("analyze", tmp_path / "app.log", "--format", "json", "--no-model")
    (tmp_path / "report.json").write_bytes(ran.out)
    return tmp_path


@pytest.fixture
def state(place: Path) -> Path:
    path = place / "state.db"
    ran = outside("watch", "--state", path, "--no-model", "-", stdin=LOG)
    assert ran.code == 0, ran.err
    return path


def tried(place: Path, *args: object) -> Ran:
    return inside("alerts", "test", place / "rules.yaml", place / "report.json", *args)


def listed(state: Path, *args: object) -> list[str]:
    return inside("incidents", "--state", state, "list", *args).text.splitlines()


def test_it_says_what_would_be_sent_where_and_why(place: Path):
    ran = tried(place, "--at", "2026-11-20T12:00:00Z")

    assert ran.code == 0, ran.err
    assert "route 'critical': matches scope *, severity critical or worse" in ran.text
    assert "-> slack_bot #db @here: post: first message" in ran.text
    assert "-> pagerduty: post: first message" in ran.text
    assert "route 'critical': severity error is below critical" in ran.text
    assert "\x1b" not in ran.text


def test_quiet_hours_show_until_when(place: Path):
    rows = json.loads(tried(place, "--at", "2026-11-20T23:30:00+09:00", "--format", "json").out)
    actions = {place["sink"]: place["action"] for row in rows for place in row["places"]}

    assert actions["slack_bot"] == "post"  # `critical` passes the quiet hours
    told = tried(place, "--at", "2026-11-20T23:30:00+09:00", "--id", rows[0]["incident"], "--show")
    assert '"type": "header"' in told.text
    assert "too many clients already" in told.text


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("routes: [{sendd: []}]", "rules.yaml:1: routes.0.sendd: unknown"),
        ("routes: [{send: [pigeon]}]", "rules.yaml: sink 'pigeon': no kind 'pigeon'"),
        ("routes: [", "rules.yaml:1: not YAML"),
    ],
)
def test_bad_rules_are_one_line(place: Path, rules: str, said: str):
    (place / "rules.yaml").write_text(rules)
    ran = tried(place)

    assert (ran.code, ran.out) == (2, b"")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("report", "said"),
    [(b"", "not JSON"), (b"[]", "incident 1"), (b'{"incidents": 3}', "must be a list"), (b'{"incidents": [{}]}', "missing"), (b'{"incidents": []}', "no incident")],
)  # fmt: skip
def test_bad_incidents_are_one_line(place: Path, report: bytes, said: str):
    (place / "report.json").write_bytes(report)
    ran = tried(place)

    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_incidents_are_listed_and_shown(state: Path):
    rows = listed(state)

    assert len(rows) == 3
    name = next(row for row in rows if "too many clients" in row)[:16]
    shown = inside("incidents", "--state", state, "show", name[:8])
    assert "Cause (high confidence" in shown.text
    assert "What to do" in shown.text
    plain = inside("incidents", "--state", state, "show", name, "--format", "json")
    assert plain.report["id"] == name


def test_what_show_prints_can_be_tested(place: Path, state: Path):
    name = listed(state)[0][:16]
    (place / "report.json").write_bytes(
        inside("incidents", "--state", state, "show", name, "--format", "json").out
    )

    assert name in tried(place).text


def test_mute_resolve_and_back(state: Path):
    name = listed(state)[0][:16]

    assert "muted until" in inside("incidents", "--state", state, "mute", name, "--for", "1h").text
    assert listed(state, "--status", "muted")[0].startswith(name)
    assert "resolved" in inside("incidents", "--state", state, "resolve", name, "--by", "anna").text
    assert len(listed(state)) == 2
    assert len(listed(state, "--status", "all")) == 3


def test_feedback_is_kept_redacted_and_shown(state: Path):
    name = listed(state)[0][:16]
    inside(
        "incidents",
        "--state",
        state,
        "feedback",
        name,
        "wrong",
        "--cause",
        "password=hunter2 expired",
        "--by",
        "anna",
    )
    inside("incidents", "--state", state, "feedback", name, "not-an-error", "--by", "bo")

    shown = inside("incidents", "--state", state, "show", name).text
    assert "wrong by anna: password=<password> expired" in shown
    assert "not an error by bo" in shown
    assert listed(state, "--status", "muted")[0].startswith(name)


def test_what_is_no_error_is_raised_no_more_until_it_is_taken_back(state: Path):
    name = next(row for row in listed(state) if "payment" in row)[:16]
    count = '"count":1,'
    inside("incidents", "--state", state, "feedback", name, "not-an-error")

    again = outside("watch", "--state", state, "--no-model", "-", stdin=LOG)
    assert again.code == 0, again.err
    assert "2 incidents in 3 lines" in again.text
    assert count in inside("incidents", "--state", state, "show", name, "--format", "json").text

    inside("incidents", "--state", state, "feedback", name, "right")
    assert "3 incidents in 3 lines" in outside("watch", "--state", state, "--no-model", "-", stdin=LOG).text


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("show", "zz"), "no incident has this id"),
        (("show", ""), "no incident has this id"),
        (("mute", "zz"), "no incident has this id"),
        (("feedback", "zz", "right", "--cause", "x"), "--cause: allowed only with"),
    ],
)
def test_what_cannot_be_done_is_one_line(state: Path, args: tuple[str, ...], said: str):
    ran = inside("incidents", "--state", state, *args)

    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_a_span_that_is_none(state: Path):
    ran = inside("incidents", "--state", state, "mute", listed(state)[0][:16], "--for", "a while")

    assert (ran.code, "write it like 30m" in ran.err) == (2, True)


@pytest.mark.parametrize("args", [(), ("--state", "nowhere.db")])
def test_without_a_state_it_says_what_is_missing(args: tuple[str, ...], cache: Path):
    ran = inside("incidents", *args, "list")

    assert ran.code == 2
    assert "cali watch --state" in ran.err


def test_what_changed_is_sent_once(place: Path, state: Path):
    (place / "rules.yaml").write_text("routes: [{send: [console]}]")

    def send() -> Ran:
        return inside("alerts", "send", place / "rules.yaml", "--state", state)

    first = send()
    assert first.code == 0, first.err
    assert first.text.count("-- opened --") == 3
    assert "4 changes heard, 4 messages" in first.text
    assert send().text.startswith("0 changes heard, 0 messages")
    name = listed(state)[0][:16]
    inside("incidents", "--state", state, "resolve", name, "--by", "anna")
    assert "Resolved by anna" in send().text


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        (None, "--secrets: missing; a sink needs 'bot_token'"),
        (b"{}", "has no string under the key 'bot_token'"),
        (b"xoxb-1", "not JSON"),
    ],
)
def test_a_secret_that_is_missing_is_said_and_what_was_to_be_sent_waits(
    place: Path, state: Path, secrets: bytes | None, said: str
):
    (place / "rules.yaml").write_text("routes: [{send: [{sink: slack_bot, channel: C1}]}]")
    given: tuple[object, ...] = ()
    if secrets is not None:
        (place / "secrets.json").write_bytes(secrets)
        given = ("--secrets", place / "secrets.json")

    ran = inside("alerts", "send", place / "rules.yaml", "--state", state, *given)

    assert said in ran.err
    assert "xoxb-1" not in ran.err
    assert "4 changes heard, 0 messages sent or changed, 3 wait" in ran.text

"""Requests to the address of the buttons: forged, stale, replayed, truncated or large ones are rejected without
effect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cali.core.errors import Poison
from cali.stages.notify.actions import LONGEST, WINDOW, parse, sign
from cali.usecases.answer_alert import ActionHandler, ActionPorts
from tests.scenarios.alert_servers import SECRET, form
from tests.scenarios.alert_shells import Core
from tests.scenarios.alert_town import Town


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    made = Town()
    made.do_see("a")
    yield made
    made.close()


def handler(town: Town) -> ActionHandler:
    assert isinstance(town.shell, Core)
    return town.shell.handler


def ports(town: Town) -> ActionPorts:
    assert isinstance(town.shell, Core)
    return town.shell.ports


def pressed(town: Town, answer: str = "resolve", at: float = 1.0) -> bytes:
    action = {"action_id": f"cali:{answer}", "value": town.names["a"], "action_ts": str(at)}
    return form({"type": "block_actions", "user": {"id": "U1"}, "trigger_id": "t", "actions": [action]})


def untouched(town: Town) -> bool:
    return town.stored("a").incident.status.value == "opened" and town.shell.feedback.find(1) == []


def test_forged_requests_are_refused(town: Town):
    body = pressed(town)
    good = sign(body, SECRET, town.time)
    mark = good["X-Slack-Signature"]
    forged = [
        sign(body, "another secret", town.time),
        {**good, "X-Slack-Signature": ""},
        {**good, "X-Slack-Signature": mark[:-1]},
        {**good, "X-Slack-Signature": mark + "0"},
        {**good, "X-Slack-Signature": mark.replace("v0=", "v1=")},
        {**good, "X-Slack-Signature": "v0=ü"},
        {**good, "X-Slack-Request-Timestamp": str(int(town.time) + 1)},
        {**good, "X-Slack-Request-Timestamp": "١٢٣"},
        {**good, "X-Slack-Request-Timestamp": "1e9"},
        {**good, "X-Slack-Request-Timestamp": "-5"},
        {**good, "X-Slack-Request-Timestamp": "9" * 400},
        {"X-Slack-Signature": mark},
        {"X-Slack-Request-Timestamp": good["X-Slack-Request-Timestamp"]},
        {},
    ]
    assert [handler(town).request(headers, body).code for headers in forged] == [401] * len(forged)
    assert untouched(town)


@pytest.mark.parametrize("age", [WINDOW + 1, -WINDOW - 1, 86_400.0, 1e9])
def test_stale_requests_are_refused(town: Town, age: float):
    body = pressed(town)

    assert handler(town).request(sign(body, SECRET, town.time - age), body).code == 401
    assert untouched(town)


@pytest.mark.parametrize("part", [0, 1, 20, -1])
def test_truncated_requests_are_refused(town: Town, part: int):
    body = pressed(town)

    assert handler(town).request(sign(body, SECRET, town.time), body[:part]).code == 401
    assert untouched(town)


def test_oversized_requests_are_refused_unread(town: Town):
    body = b"payload=" + b"x" * LONGEST

    assert handler(town).request(sign(body, SECRET, town.time), body).code == 413
    assert untouched(town)


def test_without_a_secret_every_request_is_refused(town: Town):
    body = pressed(town)

    closed = ActionHandler(replace(ports(town), secret=lambda: ""))

    assert closed.request(sign(body, "", town.time), body).code == 401
    assert untouched(town)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=%FF%FE",
        b"payload=[]",
        b"payload=null",
        b"no=payload",
        b"\xff\xfe",
        form({"type": "block_actions", "user": {"id": "U"}, "actions": [{"action_id": "cali:right"}]}),
        form({"type": "block_actions", "user": {"id": "U"}, "actions": [{"action_id": "cali:explode", "value": "i", "action_ts": "1"}]}),
        form({"type": "block_actions", "user": {"id": "U"}, "actions": [{"action_id": "cali:right", "value": "i" * 99, "action_ts": "1"}]}),
        form({"type": "block_actions", "user": {"id": "U"}, "actions": [{"action_id": "cali:right", "value": "i", "action_ts": "nan"}]}),
        form({"type": "view_submission", "user": {"id": "U"}, "view": {"callback_id": "cali:wrong"}}),
        form({"type": "shortcut"}) + b"&" + form({"type": "shortcut"}),
        ("payload=" + quote("[" * 50_000)).encode(),
    ],
)  # fmt: skip
def test_signed_requests_that_say_nothing_are_refused(town: Town, body: bytes):
    assert handler(town).request(sign(body, SECRET, town.time), body).code == 400
    assert untouched(town)


def test_actions_of_others_do_nothing(town: Town):
    other = {"type": "block_actions", "user": {"id": "U"}, "actions": [{"action_id": "link", "value": "x"}]}
    for payload in (other, {"type": "block_actions"}, {"type": "shortcut"}, {"type": "view_closed"}):
        body = form(payload)
        assert handler(town).request(sign(body, SECRET, town.time), body).code == 200
    assert untouched(town)


def test_a_replay_is_refused_for_as_long_as_it_would_be_believed():
    town = Town()
    town.do_see("a")
    body = pressed(town, "right")
    headers = sign(body, SECRET, town.time + WINDOW)  # a clock that is ahead

    codes = [handler(town).request(headers, body).code]
    for _ in range(10):
        town.sleep(60)
        codes.append(handler(town).request(headers, body).code)

    assert codes == [200] + [409] * 10
    assert len(town.shell.feedback.find(9)) == 1
    town.close()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.floats(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["type", "user", "id", "actions", "action_id", "value", "view"]), inner
            )
        ),
    )
)
def test_any_payload_is_read_or_refused(payload: object):
    body = f"payload={quote(json.dumps(payload).encode('utf-8', 'surrogatepass'))}".encode()
    try:
        parse(body)
    except Poison:
        return

"""The same alert scenarios through the functions: handlers, table, stream, and signed requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cali.stages.notify.actions import LONGEST, sign
from tests.scenarios.alert_lambda import FORM, Functions, account
from tests.scenarios.alert_scenarios import ran, through
from tests.scenarios.alert_servers import SECRET, pressed
from tests.scenarios.alert_town import Town


@pytest.fixture(scope="module", autouse=True)
def aws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment, account(environment):
        yield


def test_there_are_scenarios():
    assert len(through("lambda")) >= 40


@pytest.mark.parametrize("scenario", through("lambda"))
def test_scenario(scenario: dict[str, Any]):
    ran(scenario, Functions)


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town(shell=Functions)
    made.do_see("a")
    yield made
    made.close()


def asked(town: Town, headers: Mapping[str, str], body: bytes) -> int:
    """Return the status of a request to the api function."""
    assert isinstance(town.shell, Functions)
    return town.shell.client.http.post("/slack/actions", headers={**FORM, **headers}, body=body).status_code


def test_what_slack_did_not_sign_as_it_is_does_nothing(town: Town):
    headers, body = pressed("resolve", town.names["a"], "eve", town.time, town.time)
    mark = headers["X-Slack-Signature"]
    large = b"payload=" + b"x" * LONGEST
    twice = body + b"&" + body
    wanted = {
        "forged": (sign(body, "another secret", town.time), body, 401),
        "unsigned": ({}, body, 401),
        "half a signature": ({**headers, "X-Slack-Signature": mark[:20]}, body, 401),
        "another version": ({**headers, "X-Slack-Signature": mark.replace("v0", "v1")}, body, 401),
        "no time": ({"X-Slack-Signature": mark}, body, 401),
        "another time": ({**headers, "X-Slack-Request-Timestamp": str(int(town.time) + 1)}, body, 401),
        "stale": (sign(body, SECRET, town.time - 301), body, 401),
        "from the future": (sign(body, SECRET, town.time + 301), body, 401),
        "truncated": (headers, body[:-1], 401),
        "longer than signed": (headers, body + b"&x=1", 401),
        "empty": (headers, b"", 401),
        "oversized": (sign(large, SECRET, town.time), large, 413),
        "no form": (sign(b"{}", SECRET, town.time), b"{}", 400),
        "bad encoding": (sign(b"payload=%ff%fe", SECRET, town.time), b"payload=%ff%fe", 400),
        "two payloads": (sign(twice, SECRET, town.time), twice, 400),
    }

    found = {name: asked(town, headers, body) for name, (headers, body, _) in wanted.items()}

    assert found == {name: status for name, (_, _, status) in wanted.items()}
    assert town.stored("a").incident.status.value == "opened"
    assert town.stored("a").changes == 1
    assert town.shell.feedback.find(9) == []
    assert (asked(town, headers, body), asked(town, headers, body)) == (200, 409)
    assert town.stored("a").changes == 2


def test_a_replay_is_refused_by_another_container_too(town: Town):
    headers, body = pressed("right", town.names["a"], "anna", town.time, town.time)

    assert asked(town, headers, body) == 200
    town.do_restart(None)
    assert [asked(town, headers, body), len(town.shell.feedback.find(9))] == [409, 1]


def test_requests_of_another_kind_are_not_read(town: Town):
    assert isinstance(town.shell, Functions)
    headers, body = pressed("resolve", town.names["a"], "eve", town.time, town.time)
    post = town.shell.client.http.post

    assert (
        post("/slack/actions", headers={**headers, "Content-Type": "application/json"}, body=body).status_code
        == 415
    )
    assert town.shell.client.http.get("/slack/actions").status_code == 405
    assert town.stored("a").changes == 1

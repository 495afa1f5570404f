"""The fake Slack rejects the same requests as Slack, with the same errors."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from cali.testing import FakeClock, Slack
from cali.testing.slack import BURST, HOOK, TOKEN


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def slack(clock: FakeClock) -> Slack:
    return Slack(now=clock)


def hook(slack: Slack, content: dict[str, Any], path: str = HOOK) -> Answer:
    answer = slack.answer(path, {}, json.dumps(content).encode())
    assert answer is not None
    return Answer(*answer)


def api(slack: Slack, method: str, token: str = TOKEN, **content: Any) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json; charset=utf-8"}
    answer = slack.answer(f"/api/{method}", headers, json.dumps(content).encode())
    assert answer is not None
    read: dict[str, Any] = json.loads(answer[1])
    return read


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_a_webhook_shows_what_it_is_given(slack):
    assert hook(slack, {"text": "hello", "blocks": [section("*world*")]}).body == b"ok"
    assert "hello" in slack.messages[0].text
    assert "*world*" in slack.messages[0].text


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"blocks": [section("x" * 3_001)]}, "invalid_blocks"),
        ({"blocks": [section("")]}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "invalid_blocks"),
        (
            {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]},
            "invalid_blocks",
        ),
        ({"blocks": [section("x")] * 51}, "invalid_blocks"),
        ({"text": "x", "attachments": [{"blocks": [section("x" * 3_001)]}]}, "invalid_blocks"),
        ({"text": "x", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"blocks": [{"type": "unheard-of"}]}, "invalid_blocks"),
    ],
)
def test_what_slack_would_not_show_is_refused(slack, content, word):
    said = hook(slack, content)

    assert (said.status, said.body.decode()) == (400, word)
    assert api(slack, "chat.postMessage", channel="cali-alerts", **content)["error"] == word
    assert slack.messages == []


def test_an_unknown_webhook_is_no_service(slack):
    assert hook(slack, {"text": "x"}, "/services/T/B/other").status == 404


def test_a_channel_takes_one_message_a_second_after_a_short_burst(slack, clock):
    answers = [hook(slack, {"text": "x"}) for _ in range(BURST + 2)]

    assert [said.status for said in answers] == [200] * (BURST + 1) + [429]
    assert answers[-1].headers["Retry-After"] == "1"
    clock.time += 1
    assert hook(slack, {"text": "x"}).status == 200
    assert hook(slack, {"text": "x"}).status == 429


def test_a_posted_message_can_be_updated_and_answered(slack):
    posted = api(slack, "chat.postMessage", channel="#cali-alerts", text="one")
    api(slack, "chat.postMessage", channel=posted["channel"], text="two", thread_ts=posted["ts"])
    updated = api(slack, "chat.update", channel=posted["channel"], ts=posted["ts"], text="one, edited")

    assert updated["ok"]
    first, second = slack.messages
    assert (first.text, len(first.edits), second.thread) == ("one, edited", 1, posted["ts"])


@pytest.mark.parametrize(
    ("method", "token", "content", "error"),
    [
        ("chat.postMessage", "wrong", {}, "invalid_auth"),
        ("chat.postMessage", "", {}, "not_authed"),
        ("chat.postMessage", TOKEN, {"channel": "nowhere", "text": "x"}, "channel_not_found"),
        (
            "chat.postMessage",
            TOKEN,
            {"channel": "cali-alerts", "text": "x", "thread_ts": "9.9"},
            "thread_not_found",
        ),
        ("chat.update", TOKEN, {"channel": "C0LOCAL0001", "text": "x", "ts": "9.9"}, "message_not_found"),
        ("chat.update", TOKEN, {"channel": "cali-alerts", "text": "x", "ts": "9.9"}, "channel_not_found"),
        ("chat.unheardOf", TOKEN, {}, "unknown_method"),
    ],
)
def test_the_api_says_what_is_wrong(slack, method, token, content, error):
    assert api(slack, method, token, **content) == {"ok": False, "error": error}

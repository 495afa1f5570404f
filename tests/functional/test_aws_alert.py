"""Each incident is alerted once, even if the chat is down for a while."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cali.core.errors import Misconfigured, Poison, Retryable
from cali.core.life import ChangeKind
from cali.stages.detect import mute
from cali.testing import SlackMessage
from cali.testing.clock import NOON
from cali.usecases.alert import AlertResult
from tests.cloud.observe import Alert, alert_of
from tests.functional.aws_fakes import Failing, MemoryChat, delivered, fluent
from tests.functional.aws_scene import Scene, silent


def test_a_diagnosis_that_comes_in_time_is_in_the_one_message() -> None:
    scene = Scene()
    scene.clock.time = scene.opened.at + 0.2

    def sleep(seconds: float) -> None:
        scene.clock.sleep(seconds)
        scene.diagnose(scene.opened)

    assert scene.alert(scene.opened, sleep=sleep) is AlertResult.SENT
    (diagnosed,) = scene.changes(ChangeKind.DIAGNOSED)
    assert scene.alert(diagnosed) is AlertResult.NOTHING
    assert scene.alert(scene.opened) is AlertResult.NOTHING
    (message,) = scene.chat.posts
    text = json.dumps(message, ensure_ascii=False)
    for part in (
        "inventory is down",
        "start inventory",
        "high confidence",
        "shop/orders",
        "connection refused",
        "https://cali/",
        "Error",
    ):
        assert part in text
    assert "<!channel>" not in json.dumps([message["text"], *marked_up(message["blocks"])])


def marked_up(part: Any) -> list[str]:
    """Return the texts in which Slack reads markup. Plain texts and log lines are shown unchanged."""
    if isinstance(part, dict) and part.get("type") == "mrkdwn":
        return [part["text"]]
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [text for one in inner for text in marked_up(one)]


def test_a_diagnosis_that_comes_late_is_a_second_message_and_nothing_is_a_third() -> None:
    scene = Scene()
    assert scene.alert(scene.opened) is AlertResult.SENT
    assert scene.clock.time >= scene.opened.at + 1.5
    scene.diagnose(scene.opened)
    (diagnosed,) = scene.changes(ChangeKind.DIAGNOSED)
    assert scene.alert(diagnosed) is AlertResult.SENT
    for message in (scene.opened, diagnosed, diagnosed, scene.opened):
        assert scene.alert(message) is AlertResult.NOTHING
    assert len(scene.chat.posts) == 2


def test_an_unknown_cause_is_no_second_message() -> None:
    scene = Scene(silent("no cause"))
    scene.alert(scene.opened)
    scene.diagnose(scene.opened)
    assert scene.alert(scene.changes(ChangeKind.DIAGNOSED)[0]) is AlertResult.NOTHING
    assert len(scene.chat.posts) == 1


@pytest.mark.parametrize("failure", [Retryable("429", after=30.0), Retryable("503"), Misconfigured("gone")])
def test_a_chat_that_is_away_gets_the_message_once_it_is_back(failure: Exception) -> None:
    # Given a chat that is down
    scene = Scene()
    scene.chat = MemoryChat(failure)

    # When the change is handled, then its batch is done: the message is stored, and sweep sends it
    assert scene.alert(scene.opened) is AlertResult.LATER
    assert scene.alerts().flush().looked == 0  # not at once
    scene.clock.sleep(301.0)
    assert scene.alerts().flush().sent == 1
    assert scene.alerts().flush().looked == 0

    # Then it was sent once
    assert scene.alert(scene.opened) is AlertResult.NOTHING
    assert len(scene.chat.posts) == 1


def test_a_chat_that_asks_for_a_short_pause_gets_it_and_then_the_message() -> None:
    scene = Scene()
    scene.chat = MemoryChat(Retryable("429", after=1.0), Retryable("429", after=2.0))
    scene.clock.sleep(10.0)
    before = scene.clock.time
    assert scene.alert(scene.opened) is AlertResult.SENT
    assert scene.clock.time - before == 3.0


@pytest.mark.parametrize("pause", [None, 60.0])
def test_a_chat_that_is_away_is_refusing_once_and_not_for_each_message(pause: float | None) -> None:
    # Given a running process, a chat that is down, and many incidents
    scene = Scene()
    scene.chat = MemoryChat(*[Retryable("503", after=pause)] * 5)
    lines = [fluent(f"ERROR {word} is broken") for word in ("axle", "wheel", "brake", "door", "lamp")]
    scene.batch(delivered(lines, first=10))
    alerts = scene.alerts()

    # When it handles all of them
    said = {alerts.handle(change) for change in scene.changes(ChangeKind.OPENED)}

    # Then the chat was called once; and once more after the pause
    assert said == {AlertResult.LATER}
    assert len(scene.chat.script) == 4
    scene.clock.sleep(pause or 5.0)
    alerts.flush()
    assert len(scene.chat.script) == 3


def test_a_chat_that_comes_back_between_two_changes_gets_one_message() -> None:
    scene = Scene()
    scene.chat = MemoryChat(Retryable("503"))
    assert scene.alert(scene.opened) is AlertResult.LATER
    scene.diagnose(scene.opened)
    (diagnosed,) = scene.changes(ChangeKind.DIAGNOSED)
    scene.clock.sleep(6.0)
    assert scene.alert(diagnosed) is AlertResult.SENT
    assert [scene.alert(scene.opened), scene.alert(diagnosed)] == [AlertResult.NOTHING, AlertResult.NOTHING]
    assert len(scene.chat.posts) == 1


def test_a_message_that_the_chat_never_takes_blocks_nothing() -> None:
    scene = Scene()
    scene.chat = MemoryChat(Poison("invalid_blocks"))
    scene.alert(scene.opened)
    assert scene.alert(scene.opened) is AlertResult.NOTHING
    scene.clock.sleep(3600.0)
    assert scene.alerts().flush().looked == 0
    assert scene.chat.posts == []


def test_two_processes_send_one_message() -> None:
    scene = Scene()

    class Slow(MemoryChat):
        def post(self, message: Any) -> None:
            with pytest.raises(Retryable, match="another process"):
                scene.alert(scene.opened)
            super().post(message)

    slow = Slow()
    assert scene.alert(scene.opened, chat=slow) is AlertResult.SENT
    assert (len(slow.posts), len(scene.chat.posts)) == (1, 0)


def test_a_store_that_is_throttled_just_after_a_message_was_sent_makes_no_second_one() -> None:
    scene = Scene()
    scene.told = Failing(scene.told, [3, 4, 5], before=True, only="put")  # after the claim and the storm
    assert scene.alert(scene.opened) is AlertResult.SENT
    scene.clock.sleep(120.0)
    assert scene.alert(scene.opened) is AlertResult.NOTHING
    assert scene.alerts().flush().sent == 0
    assert len(scene.chat.posts) == 1


def test_nobody_hears_of_what_is_muted() -> None:
    scene = Scene()
    scene.lives().apply(scene.opened.incident, lambda known: mute(known, NOON, None) if known else None)
    assert scene.alert(scene.opened) is AlertResult.NOTHING
    assert scene.chat.posts == []


@pytest.mark.parametrize("minutes", range(12))
def test_an_alert_waits_for_its_secret_and_is_sent_within_six_minutes_after_it_has_a_value(
    minutes: int,
) -> None:
    # Given an alert without a key in the secret, and a sweep each minute
    scene = Scene()
    scene.chat.script = [Misconfigured("secret cali/slack: has no string under the key 'webhook_url'")] * 100
    assert scene.alert(scene.opened) is AlertResult.LATER
    for _ in range(minutes):
        scene.clock.sleep(60.0)
        scene.alerts().flush()

    # When the key gets a value
    scene.chat.script, filled = [], scene.clock.time
    while not scene.chat.posts:
        scene.clock.sleep(60.0)
        scene.alerts().flush()

    # Then the alert is sent once
    assert scene.clock.time - filled <= 360.0
    scene.alerts().flush()
    assert len(scene.chat.posts) == 1


def test_the_proof_counts_a_message_for_its_incident_not_for_the_one_that_it_follows_from() -> None:
    # Given an incident that follows from another one, of which nothing was sent yet
    scene = Scene()
    opened = scene.store.get(scene.opened.incident)
    scene.store.put(replace(opened, incident=replace(opened.incident, follows="0123456789abcdef")))

    # When it is alerted
    scene.alert(scene.opened)

    # Then its message names both, and counts for itself
    (content,) = scene.chat.posts
    message = SlackMessage(NOON, "c", "1", dict(content))
    assert "incident 0123456789abcdef" in message.text
    assert alert_of(message) == Alert(scene.opened.incident, "opened", NOON)

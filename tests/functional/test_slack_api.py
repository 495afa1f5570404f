"""The Slack client against a Slack that enforces its rules: rate limit, rejections, and the meaning of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from cali.adapters.slack.api import SlackApi
from cali.adapters.slack.blocks import blocks, modal, payload
from cali.adapters.slack.bot import SlackBot
from cali.adapters.slack.webhook import SlackLetters, SlackWebhook
from cali.core.errors import Misconfigured, Poison, Retryable
from cali.core.models import Severity
from cali.stages.notify.content import Fact, IncidentRef, Link, Message, Standing
from cali.stages.notify.sink import MessageGone
from cali.stages.notify.words import words
from cali.testing.clock import FakeClock
from cali.testing.slack import TOKEN, Slack, SlackServer
from cali.testing.slack_rules import wrong_message, wrong_view

CHANNEL = "C0LOCAL0001"


class World:
    def __init__(self, token: str = TOKEN) -> None:
        self.clock = FakeClock()
        self.slack = Slack(now=self.clock.now)
        self.server: SlackServer = self.slack.serve()
        self.token = token
        self.api = SlackApi(lambda: self.token, self.clock.now, self.clock.sleep, self.server.url)
        self.bot = SlackBot(self.api, CHANNEL)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.server.close()


def told(**changes: object) -> Message:
    given: dict[str, object] = {
        "key": "i/message-1", "thread": "i", "kind": "opened", "standing": Standing.OPEN, "severity": Severity.ERROR,
        "title": "boom", "status": "New", "facts": (Fact("Where", "prod/shop"), Fact("First seen", at=1_795_176_000.0)),
        "error": "ERROR boom", "answers": True,
    }  # fmt: skip
    return Message(**{**given, **changes})  # type: ignore[arg-type]


HUGE = "x&<>`*_|\u202e\x00😀한" * 4_000


def test_a_message_of_any_size_breaks_no_limit(world: World):
    huge = told(
        title=HUGE,
        status=HUGE,
        facts=tuple(Fact(HUGE, HUGE, 9e99) for _ in range(40)),
        cause=HUGE,
        sure=HUGE,
        fix=tuple(HUGE for _ in range(40)),
        error=HUGE,
        evidence=tuple(HUGE for _ in range(40)),
        listing_title=HUGE,
        listing=tuple(IncidentRef(HUGE, HUGE, HUGE) for _ in range(40)),
        mention=HUGE,
        links=tuple(Link(HUGE, f"https://x.example/{n}") for n in range(8)),
    )

    assert wrong_message(payload(huge)) == ""
    assert world.bot.post(huge, "").startswith(CHANNEL)


@pytest.mark.parametrize("empty", ["", " ", "\x00", "\u202e", "\n\n"])
def test_a_message_of_nothing_breaks_no_limit(empty: str):
    made = told(
        title=empty, status=empty or "New", facts=(Fact("a", empty),), error=empty, fix=(empty,), cause=empty
    )

    assert wrong_message(payload(made)) == ""


def test_a_time_is_shown_in_the_readers_zone_unless_slack_cannot_show_it():
    assert "<!date^1795176000^" in str(blocks(told()))
    assert "<!date" not in str(blocks(told(facts=(Fact("a", "b", 9e99), Fact("c", "d", -1.0)))))


def test_what_a_log_says_forms_nothing():
    text = "<!channel> <@U1> <https://evil.example|bank> & ```"
    shown = str(blocks(told(title=text, cause=text, error="plain", fix=(text,), evidence=(text,))))

    markup = shown.replace(f"'text': '{text}'", "")  # plain text and code blocks show it unchanged
    assert "&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.example|bank&gt; &amp;" in markup
    assert "<!channel>" not in markup.replace(text, "")


@pytest.mark.parametrize(
    ("mention", "shown"),
    [
        ("@here", "<!here>"),
        ("<@U0123ABC>", "<@U0123ABC>"),
        ("<https://x|y>", "&lt;https://x|y&gt;"),
        ("bob", "bob"),
    ],
)
def test_a_mention_of_the_rules(mention: str, shown: str):
    assert payload(told(mention=mention))["text"].startswith(shown)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_window_for_a_cause_is_as_slack_wants_it(language: str):
    assert wrong_view(modal("i" * 64, words(language))) == ""


def test_a_message_is_posted_changed_answered_and_found(world: World):
    ref = world.bot.post(told(), "")
    world.bot.edit(ref, told(title="worse"))
    world.bot.reply(ref, "i/2", "it is <back>", broadcast=True)

    message, reply = world.slack.messages
    assert (message.edits, reply.thread) == ([world.clock.time - 1.05], message.ts)
    assert reply.content["text"] == "it is &lt;back&gt;"
    assert reply.content["reply_broadcast"]
    assert world.bot.find("i/message-1", CHANNEL, world.clock.time) == ref
    assert world.bot.find("i/2", CHANNEL, world.clock.time, ref).startswith(CHANNEL)
    assert world.bot.find("i/3", CHANNEL, world.clock.time) == ""


def test_a_channel_gets_a_message_a_second(world: World):
    start = world.clock.time
    for number in range(30):
        world.bot.post(told(key=f"i/{number}"), "")

    assert world.clock.time - start >= 29
    assert world.slack.refused == world.slack.violations == []


def test_another_sender_in_the_channel_is_waited_for(world: World):
    for _ in range(4):
        world.slack._too_fast(CHANNEL)  # another sender has used up the channel's limit

    world.bot.post(told(), "")

    assert len(world.slack.refused) == 1
    assert world.slack.violations == []


def test_nobody_asks_again_before_slack_said(world: World):
    ref = world.bot.post(told(), "")
    world.slack.mode, world.slack.pause = "busy", 60
    for _ in range(3):
        with pytest.raises(Retryable):
            world.bot.edit(ref, told(title="x"))

    asked = world.slack.calls
    world.slack.mode = "up"
    with pytest.raises(Retryable, match="rate limit"):
        world.bot.edit(ref, told(title="x"))
    world.clock.sleep(60)
    world.bot.edit(ref, told(title="x"))
    assert (asked, world.slack.calls) == (2, 3)


def test_a_long_wait_is_said_and_not_slept(world: World):
    world.slack.mode, world.slack.pause = "busy", 60
    before = world.clock.time

    with pytest.raises(Retryable) as raised:
        world.bot.post(told(), "")
    assert raised.value.after == 60
    assert world.clock.time == before


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda w: w.bot.post(told(), "nowhere"), Misconfigured, "channel_not_found"),
        (lambda w: w.bot.edit(f"{CHANNEL} 9.9", told()), MessageGone, "message_not_found"),
        (
            lambda w: w.bot.reply(f"{CHANNEL} 9.9", "k", "text", broadcast=False),
            MessageGone,
            "thread_not_found",
        ),
        (lambda w: w.api.call("chat.postMessage", {"channel": CHANNEL}), Poison, "no_text"),
        (lambda w: w.api.call("views.open", {"view": {}}), Poison, "invalid_trigger_id"),
        (lambda w: w.api.call("chat.unheardOf", {}), Misconfigured, "unknown_method"),
    ],
)
def test_what_slack_refuses_is_said(world: World, call, error, said):
    with pytest.raises(error, match=said):
        call(world)


@pytest.mark.parametrize("token", ["wrong", ""])
def test_a_token_that_is_not_valid_is_never_repeated(world: World, token: str):
    world.token = token

    with pytest.raises(Misconfigured, match=r"invalid_auth|not_authed") as raised:
        world.bot.post(told(), "")
    assert "wrong" not in str(raised.value)


def test_a_slack_that_does_not_answer_is_tried_later(world: World):
    world.slack.mode = "down"

    with pytest.raises(Retryable, match="cannot be reached"):
        world.bot.post(told(), "")


def test_a_slack_that_does_not_answer_is_left_alone_for_a_while(world: World):
    # Given a Slack that did not answer
    world.slack.mode = "down"
    with pytest.raises(Retryable, match="cannot be reached"):
        world.bot.post(told(), "")
    # When the next message is due, then no call waits for Slack; later it is called again
    with pytest.raises(Retryable, match="rate limit"):
        world.bot.post(told(key="j/message-1"), "")
    world.slack.mode = "up"
    world.clock.sleep(10.0)
    assert world.bot.post(told(key="j/message-1"), "")


def test_a_webhook_takes_the_same_blocks(world: World):
    def letters(url: str) -> SlackLetters:
        return SlackLetters(SlackWebhook(lambda: url), lambda: 0.0, lambda _: None)

    letters(world.server.hook).post(told(), "ignored")

    assert world.slack.messages[0].via == "webhook"
    with pytest.raises(Misconfigured, match="no_service"):
        letters(world.server.hook + "x").post(told(), "")


@pytest.mark.parametrize("said", [b'{"ok": true}', b'{"ok": true, "ts": ""}', b"[]", b"<html>Sign in", b""])
def test_an_answer_that_names_no_message_is_none(said: bytes):
    class Proxy(Slack):
        def answer(
            self, path: str, headers: Mapping[str, str], body: bytes
        ) -> tuple[int, bytes, dict[str, str]]:
            return 200, said, {}

    with Proxy().serve() as server, pytest.raises(Retryable):
        SlackBot(SlackApi(lambda: TOKEN, FakeClock().now, FakeClock().sleep, server.url), CHANNEL).post(
            told(), ""
        )


def test_a_name_of_an_emoji_in_a_title_stays_a_name():
    header = blocks(told(title="app.py:100: failed"))[0]

    assert header["text"] == {"type": "plain_text", "text": "\U0001f7e0 app.py:100: failed", "emoji": False}

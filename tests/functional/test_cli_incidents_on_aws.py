"""`cali incidents` over the functions' table: a command in a terminal has the effect of the button."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from cali.bootstrap.alerts import AwsAlerts
from cali.core.life import Change
from cali.usecases.publish_changes import loads
from tests.functional.aws_account import INCIDENTS, INCIDENTS_TABLE, REGION, account
from tests.functional.shell import Ran, outside
from tests.functional.test_alerts_on_aws import World


class Terminal:
    """A terminal whose environment leads to the account of a world."""

    def __init__(self, world: World, made: Any, cache: Any) -> None:
        self.world = world
        self.made = made
        self.environment = {
            "AWS_ENDPOINT_URL": made.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "CALI_CACHE_DIR": str(cache),
        }

    def __call__(self, *args: object, **more: str) -> Ran:
        names = {"CALI_INCIDENTS_TABLE": INCIDENTS_TABLE, "CALI_INCIDENTS_STREAM": INCIDENTS}
        return outside("incidents", *args, env={**self.environment, **names, **more})

    def published(self) -> list[Change]:
        kinesis = self.made.client("kinesis")
        shard = kinesis.list_shards(StreamName=INCIDENTS)["Shards"][0]["ShardId"]
        at = kinesis.get_shard_iterator(StreamName=INCIDENTS, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        found = [
            loads(one["Data"]) for one in kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]
        ]
        return [one for one in found if isinstance(one, Change)]


@pytest.fixture
def terminal(cache: Any) -> Iterator[Terminal]:
    with account() as made:
        made.make()
        world = World(made)
        yield Terminal(world, made, cache)
        world.server.close()


def test_resolve_from_a_terminal_changes_the_incident_and_the_message_in_slack(terminal: Terminal):
    world = terminal.world
    world.time = time.time() - 600
    world.see()
    alerts = AwsAlerts(world.parts)
    world.heard(alerts)
    world.time += 600

    ran = terminal("resolve", "i1", "--by", "anna")

    assert (ran.code, ran.text) == (0, "i1: resolved\n"), ran.err
    (change,) = terminal.published()
    assert (change.kind.value, change.number, change.by) == ("resolved", 2, "anna")
    alerts.message(change)
    (message,), (reply,) = world.slack.shown(), world.slack.shown(thread=None)
    assert "Resolved by anna" in str(message.content)
    assert reply.content["text"] == "Resolved by anna."
    stored = world.store.get("i1")
    assert stored is not None
    assert stored.unsent == ()


def test_list_show_mute_and_feedback_over_the_table(terminal: Terminal):
    terminal.world.see()

    assert "i1  opened" in terminal("list").text
    assert "Error\n  ERROR boom" in terminal("show", "i").text
    assert "muted until" in terminal("mute", "i1", "--for", "1h", "--by", "bo").text
    assert terminal("list").text == ""
    assert "i1  muted" in terminal("list", "--status", "muted").text
    said = terminal("feedback", "i1", "not-an-error", "--by", "bo")
    assert said.text == "i1: recorded as not an error\n"
    assert "i1" in terminal.world.feedback().suppressed()
    assert "not an error by bo" in terminal("show", "i1").text
    assert [one.kind.value for one in terminal.published()] == ["muted", "muted"]


def test_without_a_stream_the_change_waits_for_who_publishes_next(terminal: Terminal):
    terminal.world.see()

    assert terminal("--table", INCIDENTS_TABLE, "resolve", "i1", CALI_INCIDENTS_STREAM="").code == 0
    assert terminal.published() == []
    stored = terminal.world.store.get("i1")
    assert stored is not None
    assert [one.kind.value for one in stored.unsent] == ["resolved"]


@pytest.mark.parametrize(
    ("args", "more", "said"),
    [
        (("--table", "nope", "list"), {}, "table nope: "),
        (("list",), {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}, "Unable to locate credentials"),
        (("list",), {"AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": ""}, "Invalid endpoint: https://dynamodb..amazonaws.com"),
        (("list",), {"AWS_PROFILE": "nobody"}, "profile (nobody) could not be found"),
        (("list",), {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint"),
        (("--state", "a.db", "--table", "b", "list"), {}, "--state and --table"),
        (("show", "zz"), {}, "no incident has this id"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(
    terminal: Terminal, args: tuple[str, ...], more: dict[str, str], said: str
):
    ran = terminal(*args, **more)

    assert (ran.code, ran.out) == (2, b"")
    assert said in ran.err
    assert ran.err.count("\n") == 1

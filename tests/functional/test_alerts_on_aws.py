"""Alerts and buttons with the parts on AWS: the table, the incidents stream, and Slack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cali.adapters.aws.dynamodb_alerts import DynamoFeedback
from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
from cali.adapters.memory.alerts import MemoryFeedback
from cali.bootstrap.alerts import AwsAlertParts, AwsAlerts, aws_action_handler, aws_rules
from cali.core.errors import Misconfigured, Retryable
from cali.core.life import Change
from cali.core.models import Event, Incident, Scope, Severity, Status, Template
from cali.core.settings import Settings
from cali.stages.detect import Sighting, advance
from cali.stages.notify.actions import sign
from cali.stages.notify.feedback_rules import Suppressions
from cali.testing.clock import FakeClock
from cali.testing.slack import TOKEN, Slack
from cali.usecases.publish_changes import ChangePublisher
from tests.functional.aws_account import INCIDENTS_TABLE, account
from tests.functional.aws_fakes import SHARD, MemoryStream, delivered, fluent
from tests.functional.aws_fakes import World as Analyzed
from tests.scenarios.alert_servers import form

NOW = 1_795_176_000.0
RULES = "sinks: {bot: {kind: slack_bot, url: URL, channel: C0LOCAL0001}}\nroutes: [{send: [bot]}]"


class World:
    def __init__(self, made: Any) -> None:
        self.time = NOW
        self.slack = Slack(now=lambda: self.time)
        self.server = self.slack.serve()
        self.stream = MemoryStream()
        self.store = DynamoIncidents(made.client("dynamodb"), INCIDENTS_TABLE)
        self.lives = ChangePublisher(self.store, self.stream, self.sleep)
        self.secrets = {"bot_token": TOKEN, "signing_secret": "shh", "webhook_url": self.server.hook}
        self.parts = AwsAlertParts(
            Settings(incidents_table=INCIDENTS_TABLE, alert_rules="config/alerts.yaml", slack_secret="s"),
            made.client("dynamodb"),
            self.store,
            self.secret,
            {"config/alerts.yaml": RULES.replace("URL", self.server.url).encode()}.__getitem__,
            lambda: self.time,
            self.sleep,
            self.lives.apply,
            lambda text: text,
        )

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def secret(self, key: str) -> str:
        if key not in self.secrets:
            raise Misconfigured(f"secret s: holds no text under {key!r}")
        return self.secrets[key]

    def feedback(self) -> DynamoFeedback:
        return DynamoFeedback(self.parts.client, INCIDENTS_TABLE)

    def see(self) -> None:
        template = Template("f1", "boom")
        event = Event((1,), "ERROR boom", NOW, Severity.ERROR, Scope("prod"), template)
        incident = Incident(
            "i1", Scope("prod"), template, "boom", Severity.ERROR, 1, 1, 1, NOW, NOW, (event,)
        )
        seen = Sighting(incident, "shard", 1, 1, ((1, 1),))
        self.lives.apply("i1", lambda known: advance(known, seen, self.time))

    def heard(self, alerts: AwsAlerts) -> list[str]:
        """Handle all that the stream holds, and return the results."""
        return [alerts.message(message).value for message in self.stream.messages()]

    def press(self, answer: str) -> int:
        action = {"action_id": f"cali:{answer}", "value": "i1", "action_ts": str(self.time)}
        body = form(
            {
                "type": "block_actions",
                "user": {"id": "U1", "name": "anna"},
                "trigger_id": "t",
                "actions": [action],
            }
        )
        return aws_action_handler(self.parts).request(sign(body, "shh", self.time), body).code


@pytest.fixture
def world() -> Iterator[World]:
    with account() as made:
        made.make()
        opened = World(made)
        yield opened
        opened.server.close()


def test_a_change_on_the_stream_is_one_message_however_often_it_comes(world: World):
    world.see()

    assert world.heard(AwsAlerts(world.parts)) == ["sent"]
    assert world.heard(AwsAlerts(world.parts)) == ["nothing"]
    assert len(world.slack.shown()) == 1


def test_a_button_changes_the_incident_and_the_message(world: World):
    world.see()
    alerts = AwsAlerts(world.parts)
    world.heard(alerts)
    world.time += 60

    assert world.press("resolve") == 200
    assert [one.kind.value for one in world.stream.messages() if isinstance(one, Change)] == [
        "opened",
        "resolved",
    ]
    world.heard(alerts)
    world.time += 61
    alerts.run()
    (message,), (reply,) = world.slack.shown(), world.slack.shown(thread=None)
    assert "Resolved by anna" in str(message.content)
    assert reply.content["text"] == "Resolved by anna."


def test_wrong_opens_the_window_and_no_error_suppresses(world: World):
    world.see()
    world.heard(AwsAlerts(world.parts))

    assert world.press("wrong") == 200
    assert world.slack.views[0]["private_metadata"] == "i1"
    assert "i1" not in world.feedback().suppressed()
    assert world.press("not_an_error") == 200
    assert "i1" in world.feedback().suppressed()


def test_what_slack_did_not_take_is_sent_by_the_sweep(world: World):
    world.see()
    alerts = AwsAlerts(world.parts)
    world.slack.mode = "down"
    assert world.heard(alerts) == ["later"]

    world.slack.mode = "up"
    world.time += 60
    assert alerts.run().sent == 1
    assert len(world.slack.shown()) == 1


def test_without_a_signing_secret_nothing_is_believed(world: World):
    world.see()
    del world.secrets["signing_secret"]

    assert world.press("resolve") == 401


def test_without_rules_everything_goes_to_what_there_is(world: World):
    def sink(**changes: Any) -> str:
        settings = replace(world.parts.settings, alert_rules="", **changes)
        return aws_rules(replace(world.parts, settings=settings)).routes[0].send[0].key

    assert sink() == "slack_webhook"
    assert sink(slack_channel="C1") == "slack_bot C1"
    assert sink(slack_secret="") == "console"
    with pytest.raises(Misconfigured, match="CALI_ALERT_FROM"):
        sink(alert_from="loud")


def test_analyze_raises_nothing_of_what_is_no_error():
    lines = delivered(
        [
            fluent("ERROR could not reach inventory-1"),
            fluent("ERROR payment declined", "payments-7c6b5d4f8-zxcvb"),
        ]
    )
    plain = Analyzed()
    plain.batch(lines)
    (first, *_) = plain.store.find(list(Status), 9)

    world = Analyzed()
    analyze = world.analyze()
    analyze._suppressed = {first.incident.id}
    analyze.batch(SHARD, lines)

    assert len(plain.counts()) == 2
    assert world.counts().keys() == plain.counts().keys() - {
        (first.incident.scope.workload, first.incident.template.text)
    }


def test_suppressions_are_read_once_a_minute_and_outlive_the_store():
    class Kept(MemoryFeedback):
        reads = 0

        def suppressed(self) -> frozenset[str]:
            self.reads += 1
            if self.reads > 1:
                raise Retryable("away")
            return frozenset({"a"})

    kept, clock, said = Kept(), FakeClock(), list[str]()
    asked = Suppressions(kept, clock.now, said.append)

    assert ["a" in asked, "b" in asked, kept.reads] == [True, False, 1]
    clock.sleep(61)
    assert ["a" in asked, kept.reads, said] == [True, 2, ["suppressions: away"]]

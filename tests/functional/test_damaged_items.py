"""A damaged item of the table blocks nothing: it is set aside and reported, and the work goes on with the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from cali.adapters.aws.dynamodb_alerts import DynamoAlerts, DynamoFeedback
from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
from cali.adapters.aws.dynamodb_shared import DynamoBlobs
from cali.core.errors import Misconfigured
from cali.core.life import Feedback, Verdict
from cali.core.models import Status
from cali.core.ports import Note
from cali.testing.clock import NOON
from cali.usecases.publish_changes import ChangePublisher
from cali.usecases.sweep import Sweep
from tests.functional.aws_account import Account, account
from tests.functional.aws_scene import Scene

DAMAGES: dict[str, dict[str, Any]] = {
    "no gzip": {"body": {"B": b"\x00\xff"}},
    "no body": {"body": None},
    "a text for a body": {"body": {"S": "x"}},
    "no version": {"version": None},
}


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        yield made


class Town:
    """A scene whose incidents are in a table of the emulated account."""

    def __init__(self, aws: Account) -> None:
        self.scene = Scene()
        self.warned: list[str] = []
        self.table, self.client = aws.new_table(f"t-{uuid4()}"), aws.client("dynamodb")
        self.store = DynamoIncidents(self.client, self.table, self.warned.append)
        opened = self.scene.store.get(self.scene.opened.incident)
        for place in range(5):
            incident = replace(opened.incident, id=f"i{place}")
            self.store.put(replace(opened, incident=incident, heard_at=NOON + place, version=0))

    def damage(self, key: str, change: dict[str, Any]) -> None:
        where = {"TableName": self.table, "Key": {"pk": {"S": key}}}
        item = {**self.client.get_item(**where)["Item"], **change}
        self.client.put_item(
            TableName=self.table, Item={name: value for name, value in item.items() if value is not None}
        )

    def item(self, key: str) -> dict[str, Any]:
        found = self.client.get_item(TableName=self.table, Key={"pk": {"S": key}})
        return dict(found.get("Item", {}))

    def sweep(self, **parts: Any) -> Any:
        store = parts.get("store", self.store)
        lives = ChangePublisher(store, self.scene.stream, self.scene.clock.sleep)
        return Sweep(store, lives, self.scene.analyze(), NoShards(), self.scene.clock.now).run()


class NoShards:
    def shards(self) -> list[str]:
        return []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_sweep_steps_over_a_damaged_incident(aws: Account, damage: str) -> None:
    # Given five silent incidents, of which one is damaged
    town = Town(aws)
    town.damage("incident#i2", DAMAGES[damage])
    town.scene.clock.sleep(1900.0)

    # When it is swept twice
    quiet = [town.sweep().quiet, town.sweep().quiet]

    # Then the others are quiet, and the damaged one is reported once and set aside with all that it had
    assert quiet == [4, 0]
    assert [line.partition(":")[0] for line in town.warned] == ["incident i2 is damaged and starts again"]
    assert town.item("damaged#i2").get("heard_at") == {"N": repr(NOON + 2)}
    assert "status" not in town.item("damaged#i2")


def test_a_damaged_incident_starts_again_when_it_occurs(aws: Account) -> None:
    town = Town(aws)
    whole = town.store.get("i1")
    assert whole is not None
    town.damage("incident#i1", DAMAGES["no gzip"])

    assert town.store.get("i1") is None
    assert town.store.get("i1") is None
    put = town.store.put(replace(whole, version=0))

    assert town.store.get("i1") == put
    assert put.version == 1
    assert len(town.warned) == 1


def test_a_reader_that_may_not_write_still_finds_the_others(aws: Account) -> None:
    town = Town(aws)
    town.damage("incident#i0", DAMAGES["no gzip"])

    class ReadOnly:
        query, get_item = town.client.query, town.client.get_item

        def put_item(self, **_: Any) -> None:
            raise Misconfigured("AccessDenied")

    store = DynamoIncidents(ReadOnly(), town.table, town.warned.append)

    assert len(store.find((Status.OPENED,), 10)) == 4
    assert "could not be set aside: AccessDenied" in town.warned[0]


def test_one_incident_that_may_not_be_written_does_not_stop_the_sweep(aws: Account) -> None:
    town = Town(aws)
    town.scene.clock.sleep(1900.0)

    class Denied(DynamoIncidents):
        def put(self, stored: Any) -> Any:
            if stored.incident.id == "i0":
                raise Misconfigured("AccessDenied: i0")
            return super().put(stored)

    with pytest.raises(Misconfigured, match="i0"):
        town.sweep(store=Denied(town.client, town.table))

    assert len(town.store.find((Status.QUIET,), 10)) == 4


def test_a_damaged_alert_state_and_verdict_leave_the_others(aws: Account) -> None:
    town = Town(aws)
    alerts = DynamoAlerts(town.client, town.table, lambda: NOON)
    alerts.put(Note("incident/i0", "{}", NOON))
    feedback = DynamoFeedback(town.client, town.table)
    scope = town.scene.incident().scope
    for name in ("f0", "f1"):
        feedback.put(Feedback(name, "i0", Verdict.RIGHT, "anna", NOON, "f", "t", scope))
    town.damage("alert#incident/i0", {"body": None})
    town.damage("feedback#f1", {"body": {"S": "{"}})

    note = alerts.get("incident/i0")

    assert note is not None
    assert note.body == "damaged"
    assert alerts.due(NOON, 10) == ["incident/i0"]
    assert [one.id for one in feedback.find(10)] == ["f0"]


def test_a_damaged_checkpoint_is_read_as_none(aws: Account) -> None:
    town = Town(aws)
    blobs = DynamoBlobs(town.client, town.table, lambda: NOON)
    blobs.write("shard:s", b"x", 0)
    town.damage("note#shard:s", {"body": None})

    assert blobs.read("shard:s") == (b"", 1)

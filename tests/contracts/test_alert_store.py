"""The contract of AlertStore, FeedbackStore and Claims: in memory, in SQLite, and in DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.functional.aws_account import Account, account

from cali.adapters.aws.dynamodb_alerts import DynamoAlerts, DynamoFeedback
from cali.adapters.aws.dynamodb_shared import DynamoClaims
from cali.adapters.memory.alerts import MemoryAlerts, MemoryClaims, MemoryFeedback
from cali.adapters.sqlite.alerts import SqliteAlerts, SqliteFeedback
from cali.adapters.sqlite.incidents import SqliteIncidents
from cali.core.errors import Conflict, Misconfigured
from cali.core.life import Feedback, Verdict
from cali.core.models import Scope
from cali.core.ports import AlertStore, Claims, FeedbackStore, Note

NOW = 1_795_176_000.0


@pytest.fixture(scope="module")
def cloud() -> Iterator[Account]:
    with account() as made:
        yield made


@pytest.fixture(params=("memory", "sqlite", "dynamodb"))
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[AlertStore, FeedbackStore, Claims]:
    """The three stores of alerts of one home."""
    if request.param == "memory":
        return MemoryAlerts(), MemoryFeedback(), MemoryClaims()
    if request.param == "sqlite":
        path = tmp_path / "state.db"
        return SqliteAlerts(path), SqliteFeedback(path), MemoryClaims()
    made: Account = request.getfixturevalue("cloud")
    client, table = made.client("dynamodb"), made.new_table(f"cali-{uuid4().hex[:8]}")
    return (
        DynamoAlerts(client, table, lambda: NOW),
        DynamoFeedback(client, table),
        DynamoClaims(client, table),
    )


@pytest.fixture
def store(stores: tuple[AlertStore, FeedbackStore, Claims]) -> AlertStore:
    return stores[0]


@pytest.fixture
def kept(stores: tuple[AlertStore, FeedbackStore, Claims]) -> FeedbackStore:
    return stores[1]


@pytest.fixture
def claims(stores: tuple[AlertStore, FeedbackStore, Claims]) -> Claims:
    return stores[2]


def record(name: str, verdict: Verdict, at: float, incident: str = "i1") -> Feedback:
    scope = Scope("prod", "shop", "orders", "api")
    return Feedback(
        name, incident, verdict, "Änna", at, "f1", "boom <*>", scope, "the 'disk' was full", "entry"
    )


def test_what_was_put_is_read_back(store: AlertStore):
    put = store.put(Note("incident/a", '{"ü": 1}', 12.5))

    assert store.get("incident/a") == put
    assert put == Note("incident/a", '{"ü": 1}', 12.5, put.version)
    assert store.get("incident/b") is None


def test_of_two_writers_one_loses(store: AlertStore):
    first = store.put(Note("a", "1"))

    with pytest.raises(Conflict):
        store.put(Note("a", "2"))
    second = store.put(replace(first, body="2"))
    with pytest.raises(Conflict):
        store.put(replace(first, body="3"))
    assert store.get("a") == second


def test_what_is_due_comes_longest_first(store: AlertStore):
    notes = {
        key: store.put(Note(key, "x", due))
        for key, due in (("b", 20.0), ("a", 10.0), ("c", None), ("d", 30.5))
    }

    assert store.due(30.0, 10) == ["a", "b"]
    assert store.due(30.5, 10) == ["a", "b", "d"]
    assert store.due(99.0, 1) == ["a"]
    store.put(replace(notes["a"], due=None))
    assert store.due(99.0, 10) == ["b", "d"]


def test_a_record_is_kept_once(kept: FeedbackStore):
    one = record("r1", Verdict.RIGHT, 1.0)

    assert kept.put(one)
    assert not kept.put(one)
    assert kept.find(10) == [one]


def test_records_come_latest_first_and_by_incident(kept: FeedbackStore):
    records = [
        record("r1", Verdict.RIGHT, 1.0),
        record("r2", Verdict.WRONG, 2.5),
        record("r3", Verdict.RIGHT, 3.0, "i2"),
    ]
    for one in records:
        kept.put(one)

    assert kept.find(10) == records[::-1]
    assert kept.find(1) == [records[2]]
    assert kept.find(10, "i1") == [records[1], records[0]]


def test_the_last_verdict_says_whether_an_incident_is_suppressed(kept: FeedbackStore):
    kept.put(record("r1", Verdict.NOT_AN_ERROR, 1.0, "i1"))
    kept.put(record("r2", Verdict.NOT_AN_ERROR, 2.0, "i2"))
    kept.put(record("r3", Verdict.RIGHT, 3.0, "i2"))

    assert kept.suppressed() == frozenset({"i1"})


def test_a_claim_is_for_one_until_it_is_given_back_or_over(claims: Claims):
    assert claims.claim("a", NOW, 10.0)
    assert not claims.claim("a", NOW + 9, 10.0)
    assert claims.claim("b", NOW, 10.0)
    assert claims.claim("a", NOW + 10, 10.0)
    claims.release("a")
    assert claims.claim("a", NOW + 11, 10.0)


def test_the_file_of_incidents_holds_alerts_too(tmp_path: Path):
    path = tmp_path / "state.db"
    SqliteAlerts(path).put(Note("a", "1"))

    SqliteIncidents(path).close()
    assert SqliteAlerts(path).get("a") == Note("a", "1", None, 1)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and longer than a header of one would be" * 10)

    with pytest.raises(Misconfigured, match=r"notes\.txt"):
        SqliteAlerts(path)

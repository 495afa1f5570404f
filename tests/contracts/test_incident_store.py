"""The contract of IncidentStore: in memory, SQLite, and DynamoDB."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.functional.aws_account import Account, account

from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
from cali.adapters.memory.incidents import MemoryIncidents
from cali.adapters.sqlite.incidents import SqliteIncidents
from cali.core.errors import Conflict, Misconfigured, Retryable
from cali.core.life import Change, ChangeKind, ReadPositions, Span, StoredIncident
from cali.core.models import (
    Diagnosis,
    Event,
    Evidence,
    Hit,
    Incident,
    Origin,
    Scope,
    Severity,
    Status,
    Template,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cali.core.ports import IncidentStore

SCOPE = Scope("prod", "shop", "orders", "app")
LINE = Event(
    (3, 4), 'boom "Ü" \u2028 <email>\nat x', 5.25, Severity.ERROR, SCOPE, Template("ab", "boom <*>"), True
)
KINESIS = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898


def stored(name: str, status: Status = Status.OPENED, heard: float = 10.0) -> StoredIncident:
    incident = Incident(
        name, SCOPE, LINE.template, "boom", Severity.ERROR, 7, 3, 90, 5.25, None, (LINE,), status
    )
    return StoredIncident(incident, heard)


FULL = replace(
    stored("full"),
    incident=replace(
        stored("full").incident,
        follows="root",
        burst=True,
        diagnosis=Diagnosis(
            Origin.KNOWLEDGE,
            (Evidence(3, "boom"),),
            "why",
            ("do", "this"),
            0.75,
            (Hit("known", 0.5),),
            {"masks": "1"},
        ),
    ),
    reads=(ReadPositions("shard-0", (Span(KINESIS, KINESIS + 9),), KINESIS - 5, 9.0),),
    changes=2,
    unsent=(Change("full", 2, ChangeKind.MUTED, 8.0, Severity.ERROR, 7, "ann", 99.0),),
    flaps=1,
    quiet_at=3.0,
    muted_until=99.0,
    marks=(1, 2**32 - 1),
)


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        yield made


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IncidentStore]:
    made: Any = MemoryIncidents()
    if request.param == "sqlite":
        made = SqliteIncidents(tmp_path / "incidents.db")
    elif request.param == "dynamodb":
        aws = request.getfixturevalue("aws")
        made = DynamoIncidents(aws.client("dynamodb"), aws.new_table(f"t-{uuid4()}"))
    yield made
    if hasattr(made, "close"):
        made.close()


def test_what_is_put_is_got_back_whole(store: IncidentStore) -> None:
    for given in (stored("plain"), FULL):
        put = store.put(given)
        assert put == replace(given, version=1)
        assert store.get(given.incident.id) == put


def test_an_unknown_incident_is_none(store: IncidentStore) -> None:
    assert store.get("nobody") is None
    assert store.find(list(Status), 10) == []


def test_a_put_goes_on_from_the_version_that_was_read(store: IncidentStore) -> None:
    first = store.put(stored("a"))
    second = store.put(replace(first, heard_at=20.0))
    assert second.version == 2
    assert store.get("a") == second


def test_whoever_read_an_older_version_loses_and_nothing_is_changed(store: IncidentStore) -> None:
    first = store.put(stored("a"))
    second = store.put(replace(first, heard_at=20.0))
    for late in (replace(first, heard_at=30.0), stored("a", heard=40.0), replace(first, version=9)):
        with pytest.raises(Conflict, match="incident a: changed"):
            store.put(late)
    assert store.get("a") == second
    assert issubclass(Conflict, Retryable)


def test_a_version_of_nothing_is_a_conflict(store: IncidentStore) -> None:
    with pytest.raises(Conflict):
        store.put(replace(stored("a"), version=3))
    assert store.get("a") is None


def test_find_looks_at_the_status_that_is_kept_now(store: IncidentStore) -> None:
    first = store.put(stored("a"))
    store.put(stored("b", Status.MUTED))
    store.put(replace(first, incident=replace(first.incident, status=Status.QUIET)))
    assert [found.incident.id for found in store.find([Status.QUIET], 10)] == ["a"]
    assert [found.incident.id for found in store.find([Status.QUIET, Status.MUTED], 10)] == ["a", "b"]
    assert store.find([Status.OPENED], 10) == []
    assert store.find([], 10) == []


def test_find_gives_the_latest_first_and_to_a_sweep_the_oldest(store: IncidentStore) -> None:
    for name, heard in (("a", 10.0), ("b", 30.0), ("c", 20.0), ("d", 30.0)):
        store.put(stored(name, heard=heard))
    assert [found.incident.id for found in store.find([Status.OPENED], 3)] == ["b", "d", "c"]
    assert [found.incident.id for found in store.find([Status.OPENED], 9, heard_before=30.0)] == ["a", "c"]
    assert store.find([Status.OPENED], 0) == []


def test_a_count_is_of_one_status_and_ends_at_its_bound(store: IncidentStore) -> None:
    for name in "abc":
        store.put(stored(name))
    store.put(stored("d", Status.QUIET))
    counts = [store.count(status, 10) for status in (Status.OPENED, Status.QUIET, Status.MUTED)]
    assert counts == [3, 1, 0]
    assert [store.count(Status.OPENED, most) for most in (0, 2, 3, 4)] == [0, 2, 3, 3]


def test_two_processes_see_one_store(tmp_path: Path) -> None:
    one, other = SqliteIncidents(tmp_path / "x.db"), SqliteIncidents(tmp_path / "x.db")
    kept = one.put(stored("a"))
    assert other.get("a") == kept
    other.put(replace(kept, heard_at=2.0))
    with pytest.raises(Conflict):
        one.put(replace(kept, heard_at=3.0))
    one.close()
    other.close()


def test_many_writers_lose_no_count(tmp_path: Path) -> None:
    path = tmp_path / "x.db"

    def add() -> None:
        mine = SqliteIncidents(path)
        for _ in range(20):
            while True:
                known = mine.get("a")
                new = known or stored("a", heard=0.0)
                try:
                    mine.put(replace(new, changes=new.changes + 1))
                    break
                except Conflict:
                    continue
        mine.close()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = SqliteIncidents(path)
    found = store.get("a")
    store.close()
    assert found is not None
    assert (found.changes, found.version) == (80, 80)


def test_a_writer_that_holds_the_file_too_long_is_retryable(tmp_path: Path) -> None:
    store = SqliteIncidents(tmp_path / "x.db", patience=0.05)
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retryable, match="locked"):
        store.put(stored("a"))
    other.execute("ROLLBACK")
    other.close()
    assert store.put(stored("a")).version == 1
    store.close()


def test_a_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("this is not a database, it is a note " * 30)
    with pytest.raises(Misconfigured, match=r"text\.db: damaged or not a database") as said:
        SqliteIncidents(text)
    assert "\n" not in str(said.value)


def test_a_damaged_row_is_one_clear_line(tmp_path: Path) -> None:
    store = SqliteIncidents(tmp_path / "x.db")
    store.put(stored("a"))
    for damage in ("{", "[]", '{"incident": {}, "heard_at": "soon"}'):
        with sqlite3.connect(tmp_path / "x.db") as db:
            db.execute("UPDATE incidents SET body = ?", (damage,))
        db.close()
        with pytest.raises(Misconfigured, match=r"x\.db: damaged") as said:
            store.get("a")
        assert "\n" not in str(said.value)
    store.close()


def test_a_file_of_something_else_or_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE songs (name TEXT)")
    db.close()
    with pytest.raises(Misconfigured, match="a database of something else"):
        SqliteIncidents(tmp_path / "other.db")
    SqliteIncidents(tmp_path / "late.db").close()
    with sqlite3.connect(tmp_path / "late.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(Misconfigured, match="schema 99, this release knows schema 1"):
        SqliteIncidents(tmp_path / "late.db")


def test_a_place_that_cannot_hold_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="cannot keep incidents there"):
        SqliteIncidents(tmp_path / "file" / "x.db")
    with pytest.raises(Misconfigured, match="cannot keep incidents there"):
        SqliteIncidents(tmp_path)


def test_what_a_later_release_added_is_left_out(tmp_path: Path) -> None:
    store = SqliteIncidents(tmp_path / "x.db")
    kept = store.put(FULL)
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("""UPDATE incidents SET body = replace(body, '{"changes"', '{"colour":"red","changes"')""")
    db.close()
    assert store.get("full") == kept
    store.close()

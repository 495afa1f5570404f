"""Silent incidents become quiet, changes that a crash left are published, and messages are parsed as they were
written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cali.core.errors import Poison, Retryable
from cali.core.life import Change, ChangeKind
from cali.core.models import Severity, Status
from cali.stages.detect import Outcome
from cali.testing.clock import NOON, FakeClock
from cali.usecases.publish_changes import ChangePublisher, DiagnosisRequest, dumps, loads
from cali.usecases.sweep import HOPELESS, Sweep
from tests.functional.aws_fakes import Failing, World, delivered, fluent
from tests.functional.aws_scene import SAID, Scene, known, scene_sweep


def test_silence_makes_an_incident_quiet_once_and_what_comes_later_recurs() -> None:
    scene = Scene()
    assert scene_sweep(scene).quiet == 0
    scene.clock.sleep(1801.0)
    assert scene_sweep(scene).quiet == 1
    assert scene_sweep(scene).quiet == 0
    assert len(scene.changes(ChangeKind.QUIET)) == 1
    scene.batch(delivered([fluent(SAID, time=scene.clock.time)], first=50, arrived=scene.clock.time - 1))
    assert scene.incident().status is Status.OPENED
    assert scene.incident().count == 2
    assert len(scene.changes(ChangeKind.RECURRED)) == 1


def test_a_change_tells_when_the_newest_of_its_lines_arrived() -> None:
    world = World()
    lines = [fluent(SAID), fluent("INFO fine"), fluent(SAID), fluent("INFO fine")]
    world.batch(delivered(lines, arrived=NOON - 9.0, step=1.0))
    (opened,) = (m for m in world.stream.messages() if isinstance(m, Change))
    assert opened.arrived == NOON - 7.0


def test_the_sweep_counts_incidents_by_their_status_and_goes_on_when_it_cannot() -> None:
    scene = Scene()
    scene_sweep(scene)
    lives = ChangePublisher(scene.store, scene.stream, scene.clock.sleep)

    def standing(store: Any) -> dict[str, int]:
        return Sweep(store, lives, scene.analyze(), NoShards(), scene.clock.now).standing()

    assert standing(scene.store) == {
        "incidents_opened": 1, "incidents_diagnosed": 0, "incidents_quiet": 0, "incidents_regressed": 0, "incidents_muted": 0,
    }  # fmt: skip
    assert standing(Failing(scene.store, [2], before=True, only="count")) == {}


class NoShards:
    def shards(self) -> list[str]:
        return []


def test_the_sweep_publishes_what_a_crash_left_unsent() -> None:
    world = World()
    with pytest.raises(Retryable):
        world.batch(delivered([fluent(SAID)]), stream=Failing(world.stream, [1], before=True))
    assert world.published() == set()
    scene_sweep(world)
    assert [kind for _, _, kind in world.published()] == ["opened"]


def test_an_incident_that_is_heard_of_all_the_time_is_asked_for_too() -> None:
    # Given an incident without a diagnosis whose error continues
    scene = Scene()
    for minute in range(1, 4):
        scene.clock.sleep(20.0)
        line = fluent(SAID, time=scene.clock.time)
        scene.batch(delivered([line], first=50 * minute, arrived=scene.clock.time - 1))
    # When the sweep runs, then its diagnosis is requested
    assert scene_sweep(scene).asked == 1
    assert DiagnosisRequest(scene.opened.incident) in scene.stream.messages()


def test_what_is_muted_for_ever_leaves_room_for_what_falls_silent() -> None:
    # Given more incidents that are muted for ever than one sweep reads, all of them older
    scene = Scene()
    opened = scene.store.get(scene.opened.incident)
    for place in range(3):
        incident = replace(opened.incident, id=f"muted{place}", status=Status.MUTED)
        scene.store.put(replace(opened, incident=incident, heard_at=NOON - 9_000.0, version=0))
    # When the other incident falls silent, then it becomes quiet
    scene.clock.sleep(1801.0)
    assert scene_sweep(scene, most=3).quiet == 1


def test_what_has_its_diagnosis_leaves_room_for_what_wants_one() -> None:
    scene = Scene()
    opened = scene.store.get(scene.opened.incident)
    for place in range(3):
        incident = replace(
            opened.incident, id=f"known{place}", status=Status.DIAGNOSED, diagnosis=known(opened.incident)
        )
        scene.store.put(replace(opened, incident=incident, heard_at=NOON + 50.0, version=0))
    scene.clock.sleep(60.0)
    assert scene_sweep(scene, most=3).asked == 1


@pytest.mark.parametrize("only", ["get", "find"])
def test_a_sweep_that_fails_at_one_thing_does_the_others(only: str) -> None:
    # Given a silent incident and one without a diagnosis, and a table that fails once
    scene = Scene()
    opened = scene.store.get(scene.opened.incident)
    scene.clock.sleep(1801.0)
    incident = replace(opened.incident, id="another", first_seen=scene.clock.time - 90.0)
    scene.store.put(replace(opened, incident=incident, heard_at=scene.clock.time - 60.0, version=0))
    store = Failing(scene.store, [1], before=True, only=only)
    lives = ChangePublisher(store, scene.stream, scene.clock.sleep)
    # When it sweeps
    swept = Sweep(store, lives, scene.analyze(), NoShards(), scene.clock.now).run()
    # Then the failure is counted, and the other work is done
    assert swept.failed == 1
    assert swept.asked >= 1


def test_a_sweep_stops_at_what_is_hopeless() -> None:
    scene = Scene()
    opened = scene.store.get(scene.opened.incident)
    for place in range(20):
        scene.store.put(replace(opened, incident=replace(opened.incident, id=f"more{place}"), version=0))
    scene.clock.sleep(1801.0)
    store = Failing(scene.store, range(1, 100), before=True, only="get")
    lives = ChangePublisher(store, scene.stream, scene.clock.sleep)
    swept = Sweep(store, lives, scene.analyze(), NoShards(), scene.clock.now).run()
    assert (swept.quiet, swept.failed) == (0, HOPELESS)


def test_a_table_that_is_away_is_not_asked_for_each_of_many_incidents() -> None:
    # Given a batch of many incidents, and a table that does not answer
    scene = Scene()
    away = Failing(scene.store, range(1, 10_000), before=True, only="get")
    lives = ChangePublisher(away, scene.stream, scene.clock.sleep)
    # When they are to be changed, then the attempts end soon: each may take seconds of the invocation
    with pytest.raises(Retryable):
        lives.apply_all({f"incident{place}": lambda _: None for place in range(1_000)})
    assert away.calls < 100


def test_many_writers_of_one_incident_lose_no_change() -> None:
    scene = Scene()
    name = scene.opened.incident

    class Racing:
        """A store in which another process writes first, three times."""

        def __init__(self) -> None:
            self.left = 3

        def get(self, incident: str) -> Any:
            return scene.store.get(incident)

        def put(self, stored: Any) -> Any:
            if self.left:
                self.left -= 1
                other = scene.store.get(name)
                scene.store.put(replace(other, flaps=other.flaps + 1))
            return scene.store.put(stored)

    def add(known: Any) -> Outcome:
        return Outcome(replace(known, flaps=known.flaps + 1))

    ChangePublisher(Racing(), scene.stream, FakeClock().sleep).apply(name, add)  # type: ignore[arg-type]  # no find is needed
    assert scene.store.get(name).flaps == 4


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"type":"change"}', b'{"type":"change","incident":1,"kind":"x"}']
)
def test_a_message_that_is_none_is_poison(data: bytes) -> None:
    with pytest.raises(Poison):
        loads(data)


def test_a_message_is_read_back_as_it_was_written() -> None:
    change = Change("a", 3, ChangeKind.MUTED, 1.5, Severity.ERROR, 7, "ann", 9.0, 1.25)
    assert loads(dumps(change)) == change
    older = json.loads(dumps(change))
    del older["arrived"]  # as an earlier release wrote it
    assert loads(json.dumps(older).encode()) == replace(change, arrived=None)
    assert loads(dumps(DiagnosisRequest("a"))) == DiagnosisRequest("a")

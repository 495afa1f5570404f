"""What has gone quiet is closed, what a crash left is published, and messages are read as they were written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cali.errors import Poison, Retryable
from cali.functions.lives import Asked, Lives, dumps, loads
from cali.functions.sweep import Sweep
from cali.life import Change, Kind
from cali.models import Severity, Status
from cali.stages.detect import Outcome
from tests.functional.aws_fakes import (
    NOON,
    Clock,
    Failing,
    World,
    delivered,
    fluent,
)
from tests.functional.aws_scene import SAID, Scene, scene_sweep


def test_silence_makes_an_incident_quiet_once_and_what_comes_later_recurs() -> None:
    scene = Scene()
    assert scene_sweep(scene).quiet == 0
    scene.clock.sleep(1801.0)
    assert scene_sweep(scene).quiet == 1
    assert scene_sweep(scene).quiet == 0
    assert len(scene.changes(Kind.QUIET)) == 1
    scene.batch(delivered([fluent(SAID, time=scene.clock.time)], first=50, arrived=scene.clock.time - 1))
    assert scene.incident().status is Status.OPENED
    assert scene.incident().count == 2
    assert len(scene.changes(Kind.RECURRED)) == 1


def test_a_change_tells_when_the_newest_of_its_lines_arrived() -> None:
    world = World()
    lines = [fluent(SAID), fluent("INFO fine"), fluent(SAID), fluent("INFO fine")]
    world.batch(delivered(lines, arrived=NOON - 9.0, step=1.0))
    (opened,) = (m for m in world.stream.messages() if isinstance(m, Change))
    assert opened.arrived == NOON - 7.0


def test_the_sweep_counts_incidents_by_their_status_and_goes_on_when_it_cannot() -> None:
    scene = Scene()
    scene_sweep(scene)
    lives = Lives(scene.store, scene.stream, scene.clock.sleep)

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


def test_many_writers_of_one_incident_lose_no_change() -> None:
    scene = Scene()
    name = scene.opened.incident

    class Racing:
        """A store in which somebody else is faster, three times."""

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

    Lives(Racing(), scene.stream, Clock().sleep).apply(name, add)  # type: ignore[arg-type]  # no find is needed
    assert scene.store.get(name).flaps == 4


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"type":"change"}', b'{"type":"change","incident":1,"kind":"x"}']
)
def test_a_message_that_is_none_is_poison(data: bytes) -> None:
    with pytest.raises(Poison):
        loads(data)


def test_a_message_is_read_back_as_it_was_written() -> None:
    change = Change("a", 3, Kind.MUTED, 1.5, Severity.ERROR, 7, "ann", 9.0, 1.25)
    assert loads(dumps(change)) == change
    older = json.loads(dumps(change))
    del older["arrived"]  # as a release before this one wrote it
    assert loads(json.dumps(older).encode()) == replace(change, arrived=None)
    assert loads(dumps(Asked("a"))) == Asked("a")

"""Alerts when processes compete, die, or find damaged data."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from time import sleep, time

import pytest

from cali.adapters.memory.alerts import MemoryAlerts
from cali.adapters.memory.incidents import MemoryIncidents
from cali.adapters.sqlite.alerts import SqliteAlerts
from cali.adapters.sqlite.incidents import SqliteIncidents
from cali.core.errors import Misconfigured, Retryable
from cali.core.life import Change, ChangeKind, StoredIncident
from cali.core.models import Event, Incident, Scope, Severity, Template
from cali.core.ports import Note
from cali.stages.detect import Sighting, advance
from cali.stages.notify.content import Message, Standing
from cali.stages.notify.decide import EDIT_EVERY, AlertContext, Target
from cali.stages.notify.rules import Destination, Rules
from cali.stages.notify.rules_file import parse
from cali.stages.notify.sink import Style
from cali.stages.notify.state import AlertState, SentState, ThreadLine
from cali.stages.notify.state_update import FIRST_PAUSE, REFRESH_LONGEST, next_due
from cali.stages.notify.words import words
from cali.testing import RecordingSink
from cali.usecases.alert import AlertPorts, AlertResult, Alerts

RULES = parse("routes: [{send: [{sink: s, channel: C}]}]", "rules.yaml")


class Killed(BaseException):
    """The process dies at this point."""


class World:
    def __init__(self, sink: RecordingSink | None = None) -> None:
        self.time = 1_000.0
        self.sink = sink or RecordingSink()
        self.store = MemoryIncidents()
        self.notes = MemoryAlerts()
        self.said: list[str] = []
        self.alerts = self.process()

    def process(self, rules: Rules = RULES) -> Alerts:
        """Return another process with the same stores and the same sink."""
        now, sink = (lambda: self.time), (lambda _: self.sink)
        return Alerts(
            AlertPorts(
                self.store, self.notes, rules, sink, words(), now, lambda _: None, warn=self.said.append
            )
        )

    def opened(self) -> Change:
        template = Template("f", "boom")
        event = Event((1,), "boom", self.time, Severity.ERROR, Scope("prod"), template)
        incident = Incident("i", Scope("prod"), template, "boom", Severity.ERROR, 1, 1, 1, 1.0, 1.0, (event,))
        outcome = advance(None, Sighting(incident, "s", 1, 1, ((1, 1),)), self.time)
        self.store.put(outcome.stored)
        return outcome.events[0]


class Dying(RecordingSink):
    """A sink that takes the first message, and whose process dies before the response."""

    dies = True

    def post(self, message: Message, channel: str) -> str:
        ref = super().post(message, channel)
        if self.dies:
            self.dies = False
            raise Killed
        return ref


def test_two_processes_at_once_send_one_message():
    class Meeting(RecordingSink):
        def post(self, message: Message, channel: str) -> str:
            with pytest.raises(Retryable, match="by another process"):
                other.handle(change)
            return super().post(message, channel)

    world = World(Meeting())
    other, change = world.process(), world.opened()

    assert world.alerts.handle(change) is AlertResult.SENT
    assert other.handle(change) is AlertResult.NOTHING
    assert len(world.sink.posts) == 1


def test_a_process_that_dies_after_sending_leaves_one_message():
    world = World(Dying())
    change = world.opened()
    with pytest.raises(Killed):
        world.alerts.handle(change)

    again = world.process()
    with pytest.raises(Retryable, match="by another process"):
        again.handle(change)  # its lease has not expired
    world.time += 61
    assert again.flush().looked == 1
    assert len(world.sink.posts) == 1
    world.time += 61
    world.store.put(replace(advance_again(world), version=1))
    again.handle(Change("i", 2, ChangeKind.ESCALATED, world.time, Severity.CRITICAL, 2))
    assert len(world.sink.edits) == 1


def test_a_letter_may_come_twice_after_a_death_but_under_one_name():
    world = World(Dying(Style.LETTERS))
    with pytest.raises(Killed):
        world.alerts.handle(world.opened())
    world.time += 61
    world.process().flush()

    assert len({message.key for _, message in world.sink.posts}) == 1


def test_a_damaged_note_is_begun_anew_and_said():
    world = World()
    world.notes.put(Note("incident/i", "{damaged", 5.0))

    assert world.alerts.handle(world.opened()) is AlertResult.SENT
    assert "starts empty" in world.said[0]


def test_a_flush_ends_in_time_and_goes_on_with_the_next():
    world = World()
    for number in range(5):
        world.notes.put(Note(f"incident/{number}", "", 1.0))

    assert world.alerts.flush(seconds=0.0).looked == 0
    assert world.alerts.flush(limit=2).looked == 2
    assert world.alerts.flush().looked == 3


def test_an_incident_that_is_forgotten_is_not_looked_at_for_ever():
    world = World()
    world.notes.put(Note("incident/gone", "", 1.0))
    world.alerts.flush()

    assert world.notes.due(1e9, 10) == []


def advance_again(world: World):
    stored = world.store.get("i")
    assert stored
    return replace(stored, incident=replace(stored.incident, severity=Severity.CRITICAL, count=2))


def test_a_sink_with_a_defect_keeps_no_other_from_being_told():
    class Defect(RecordingSink):
        def post(self, message: Message, channel: str) -> str:
            if channel == "C":
                raise ZeroDivisionError("by zero")
            return super().post(message, channel)

    world = World(Defect())
    rules = parse("routes: [{send: [{sink: s, channel: C}, {sink: s, channel: D}]}]", "rules.yaml")

    assert world.process(rules).handle(world.opened()) is AlertResult.LATER
    assert [channel for channel, _ in world.sink.posts] == ["D"]
    assert world.said == ["s C: ZeroDivisionError: by zero"]


def test_a_damaged_digest_is_begun_anew_and_refuses_nothing():
    world = World()
    world.notes.put(Note("digest/storm/s/C", "{damaged", 5.0))

    assert world.alerts.handle(world.opened()) is AlertResult.SENT
    assert "starts empty" in world.said[0]
    world.notes.put(Note("digest/hours/s/C", "{damaged", 5.0))
    world.alerts.flush()
    assert world.notes.due(5.0, 9) == []


def test_what_cannot_be_looked_at_is_put_off_and_holds_up_nobody():
    class Damaged(MemoryIncidents):
        def get(self, incident: str) -> StoredIncident | None:
            if incident == "bad":
                raise Misconfigured("incident bad: damaged")
            return super().get(incident)

    world = World()
    world.store = Damaged()
    world.alerts = world.process()
    world.opened()
    for name in ("bad", "i"):
        world.notes.put(Note(f"incident/{name}", "", 1.0))

    assert world.alerts.flush() == (2, 1, 1)
    assert world.said == ["incident/bad: incident bad: damaged"]
    assert world.notes.due(world.time + 599, 9) == ["incident/i"]


def test_two_functions_at_once_tell_each_incident_once(tmp_path: Path):
    """Two processes with one store get the same changes at the same time, each in another order."""
    path, sink = tmp_path / "state.db", RecordingSink()
    store = SqliteIncidents(path)
    changes: list[Change] = []
    for number in range(20):
        template = Template(f"f{number}", "boom")
        event = Event((1,), "boom", 1.0, Severity.ERROR, Scope("prod"), template)
        incident = Incident(
            f"i{number}", Scope("prod"), template, "boom", Severity.ERROR, 1, 1, 1, 1.0, 1.0, (event,)
        )
        outcome = advance(None, Sighting(incident, "s", 1, 1, ((1, 1),)), 1.0)
        store.put(outcome.stored)
        changes += outcome.events
    rules = parse("routes: [{send: [{sink: s, channel: C}]}]\nstorm: {incidents: 99}", "rules.yaml")

    def function(seed: int) -> None:
        alerts = Alerts(
            AlertPorts(SqliteIncidents(path), SqliteAlerts(path), rules, lambda _: sink, words(), time, sleep)
        )
        waiting = list(changes)
        Random(seed).shuffle(waiting)
        while waiting:
            change = waiting.pop(0)
            try:
                alerts.handle(change)
            except Retryable:  # the other process is sending it, so its record is repeated
                waiting.append(change)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(function, (1, 2, 3)))

    assert sorted(message.thread for _, message in sink.posts) == sorted(
        change.incident for change in changes
    )


WAITING = ThreadLine("2", "escalated", "", 6, 3)


@pytest.mark.parametrize(
    ("sent", "wait"),
    [
        (SentState(), None),
        (SentState(under="root"), 5 * EDIT_EVERY),
        (SentState(ref="m", posted_at=1_000.0), EDIT_EVERY),
        (SentState(ref="m", posted_at=1_000.0 - 20 * EDIT_EVERY), 2 * EDIT_EVERY),
        (SentState(ref="m", posted_at=0.0 - 10 * REFRESH_LONGEST), REFRESH_LONGEST),
        (SentState(ref="m", posted_at=1_000.0, waiting=(WAITING,)), FIRST_PAUSE),
        (SentState(failures=1, again_at=1_007.0), 7.0),
    ],
)
def test_the_next_check_depends_on_what_a_place_has(sent: SentState, wait: float | None):
    world = World()
    world.opened()
    stored = world.store.get("i")
    assert stored is not None
    place = Target(
        Destination("s"), Style.LIVING, Message("k", "i", "opened", Standing.OPEN, Severity.ERROR, "t", "")
    )

    due = next_due(AlertState(sent={"s": sent}), AlertContext(stored, {"s": place}), (), world.time)

    assert due == (None if wait is None else world.time + wait)

"""Alerts when processes meet, die, or find what was kept damaged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cali.errors import Retryable
from cali.life import Change, Kind
from cali.models import Event, Incident, Scope, Severity, Template
from cali.ports import Note
from cali.stages.detect import Sighting, advance
from cali.stages.notify import Alerts, Heard, Message, Parts, Style, parse, words
from cali.testing_alerts import KeptSink, MemoryAlerts
from cali.testing_incidents import MemoryIncidents

RULES = parse("routes: [{send: [{sink: s, channel: C}]}]", "rules.yaml")


class Killed(BaseException):
    """The process dies here."""


class World:
    def __init__(self, sink: KeptSink | None = None) -> None:
        self.time = 1_000.0
        self.sink = sink or KeptSink()
        self.store = MemoryIncidents()
        self.notes = MemoryAlerts()
        self.said: list[str] = []
        self.alerts = self.process()

    def process(self) -> Alerts:
        """Another process over the same stores and the same place."""
        now, sink = (lambda: self.time), (lambda _: self.sink)
        return Alerts(
            Parts(self.store, self.notes, RULES, sink, words(), now, lambda _: None, warn=self.said.append)
        )

    def opened(self) -> Change:
        template = Template("f", "boom")
        event = Event((1,), "boom", self.time, Severity.ERROR, Scope("prod"), template)
        incident = Incident("i", Scope("prod"), template, "boom", Severity.ERROR, 1, 1, 1, 1.0, 1.0, (event,))
        outcome = advance(None, Sighting(incident, "s", 1, 1, ((1, 1),)), self.time)
        self.store.put(outcome.stored)
        return outcome.events[0]


class Dying(KeptSink):
    """Takes the first message, and the process dies before it hears so."""

    dies = True

    def post(self, message: Message, channel: str) -> str:
        ref = super().post(message, channel)
        if self.dies:
            self.dies = False
            raise Killed
        return ref


def test_two_processes_at_once_send_one_message():
    class Meeting(KeptSink):
        def post(self, message: Message, channel: str) -> str:
            with pytest.raises(Retryable, match="by another process"):
                other.hear(change)
            return super().post(message, channel)

    world = World(Meeting())
    other, change = world.process(), world.opened()

    assert world.alerts.hear(change) is Heard.SENT
    assert other.hear(change) is Heard.NOTHING
    assert len(world.sink.posts) == 1


def test_a_process_that_dies_after_sending_leaves_one_message():
    world = World(Dying())
    change = world.opened()
    with pytest.raises(Killed):
        world.alerts.hear(change)

    again = world.process()
    with pytest.raises(Retryable, match="by another process"):
        again.hear(change)  # its lease still runs
    world.time += 61
    assert again.flush().looked == 1
    assert len(world.sink.posts) == 1
    world.time += 61
    world.store.put(replace(advance_again(world), version=1))
    again.hear(Change("i", 2, Kind.ESCALATED, world.time, Severity.CRITICAL, 2))
    assert len(world.sink.edits) == 1


def test_a_letter_may_come_twice_after_a_death_but_under_one_name():
    world = World(Dying(Style.LETTERS))
    with pytest.raises(Killed):
        world.alerts.hear(world.opened())
    world.time += 61
    world.process().flush()

    assert len({message.key for _, message in world.sink.posts}) == 1


def test_a_damaged_note_is_begun_anew_and_said():
    world = World()
    world.notes.put(Note("incident/i", "{damaged", 5.0))

    assert world.alerts.hear(world.opened()) is Heard.SENT
    assert "begun anew" in world.said[0]


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

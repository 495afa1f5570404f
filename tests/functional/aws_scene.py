"""A world with one opened incident, for tests of actions on it."""

from __future__ import annotations

from typing import Any

from cali.adapters.memory.alerts import MemoryAlerts
from cali.adapters.slack.webhook import SlackLetters
from cali.core.life import Change, ChangeKind
from cali.core.models import Diagnosis, Evidence, Hit, Incident, Origin
from cali.stages.notify.rules import Destination, Route, Rules, When
from cali.stages.notify.words import words
from cali.usecases.alert import AlertPorts, AlertResult, Alerts
from cali.usecases.diagnose import Diagnose, DiagnoseResult
from cali.usecases.publish_changes import ChangePublisher, DiagnosisRequest
from cali.usecases.sweep import Sweep
from tests.functional.aws_fakes import (
    SHARD,
    Explains,
    MemoryChat,
    World,
    delivered,
    fluent,
)

SAID = "ERROR could not reach <!channel> inventory: connection refused"


def known(incident: Incident) -> Diagnosis:
    return Diagnosis(
        Origin.KNOWLEDGE,
        (Evidence(incident.first_line, incident.samples[0].message),),
        "inventory is down",
        ("start inventory",),
        0.9,
        (Hit("connection-refused", 0.9),),
        {"knowledge": "1"},
    )


def silent(gate: str) -> Any:
    return lambda incident: Diagnosis(
        Origin.NONE, (Evidence(incident.first_line, incident.title),), versions={"gate": gate}
    )


class Scene(World):
    """A world with one opened incident, and the use cases over it."""

    def __init__(self, say: Any = known) -> None:
        super().__init__()
        self.reasoner = Explains(say)
        self.chat: Any = MemoryChat()
        self.told: Any = MemoryAlerts()
        self.batch(delivered([fluent(SAID)]))
        (self.opened,) = [m for m in self.stream.messages() if isinstance(m, Change)]

    def lives(self, **parts: Any) -> ChangePublisher:
        return ChangePublisher(
            parts.get("store", self.store), parts.get("stream", self.stream), self.clock.sleep
        )

    def diagnose(self, message: Change | DiagnosisRequest, **parts: Any) -> DiagnoseResult:
        store, objects = parts.get("store", self.store), parts.get("objects", self.objects)
        made = Diagnose(store, self.lives(**parts), self.reasoner, objects, self.clock.now)
        return made.message(message)

    def alerts(self, **parts: Any) -> Alerts:
        """Return a process that sends alerts to a webhook."""
        sleep = parts.get("sleep", self.clock.sleep)
        letters = SlackLetters(parts.get("chat", self.chat), self.clock.now, sleep)
        rules = Rules(
            (Route("everything", When(), (Destination("slack"),)),), links=(("CALI", "https://cali/{id}"),)
        )
        made = AlertPorts(
            self.store, self.told, rules, lambda _: letters, words("en"), self.clock.now, sleep, wait=1.5
        )
        return Alerts(made)

    def alert(self, message: Change, **parts: Any) -> AlertResult:
        return self.alerts(**parts).handle(message)

    def changes(self, kind: ChangeKind) -> list[Change]:
        return [m for m in self.stream.messages() if isinstance(m, Change) and m.kind is kind]

    def incident(self) -> Incident:
        stored = self.store.get(self.opened.incident)
        assert stored is not None
        held: Incident = stored.incident
        return held


def scene_sweep(scene: World, **limits: Any) -> Any:
    class Shards:
        def shards(self) -> list[str]:
            return [SHARD]

    lives = ChangePublisher(scene.store, scene.stream, scene.clock.sleep)
    return Sweep(scene.store, lives, scene.analyze(), Shards(), scene.clock.now, **limits).run()

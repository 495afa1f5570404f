"""The shells of alert scenarios. This module has the core in this process; see `alert_lambda.py` and
`alert_terminal.py` for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

from cali.adapters.memory.alerts import MemoryAlerts, MemoryClaims, MemoryFeedback
from cali.adapters.memory.incidents import MemoryIncidents
from cali.adapters.sinks.registry import SinkEnvironment, Sinks
from cali.adapters.slack.api import SlackApi
from cali.adapters.slack.bot import cause_form
from cali.core.life import Change, StoredIncident
from cali.core.models import Status
from cali.core.ports import AlertStore, FeedbackStore, IncidentStore
from cali.stages.detect import sent, sweep
from cali.stages.notify.rules_file import parse
from cali.stages.notify.words import words
from cali.stages.refine.redact import Redactor
from cali.stages.retrieve.knowledge import Knowledge, load
from cali.usecases.alert import AlertPorts, Alerts
from cali.usecases.answer_alert import ActionHandler, ActionPorts, Step
from tests.scenarios.alert_servers import SECRET, pressed, written

ENTRY = "pg-too-many-connections"
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Given:
    """The settings that a town passes to its shell. `secrets` may change."""

    rules: str
    language: str
    wait: float
    secrets: dict[str, str]
    now: Callable[[], float]
    sleep: Callable[[float], None]
    slack: str  # the address of its API


class Press(NamedTuple):
    """A press of a button. `at` is its time by Slack's clock."""

    answer: str
    incident: str
    by: str
    at: float


class Cause(NamedTuple):
    """A cause that a person entered."""

    cause: str
    incident: str
    by: str


class Shell(Protocol):
    """An entry to CALI. `fresh` returns the changes since its last call, which no alert knows yet."""

    @property
    def store(self) -> IncidentStore: ...
    @property
    def alerts_store(self) -> AlertStore: ...
    @property
    def feedback(self) -> FeedbackStore: ...
    @property
    def warnings(self) -> list[str]: ...
    def apply(self, incident: str, step: Step) -> object: ...
    def fresh(self) -> Sequence[Change]: ...
    def hear(self, changes: Sequence[Change]) -> None: ...
    def minute(self) -> None:
        """Run the tasks of each minute."""

    def say(self, said: Press | Cause) -> str:
        """Apply a person's answer, and return the result."""

    def again(self) -> str:
        """Send the same answer again."""

    def restart(self) -> None:
        """Start another process with the same stores."""

    def rule(self, rules: str) -> None:
        """Apply a change of the file of rules."""

    def close(self) -> None: ...


@cache
def knowledge() -> Knowledge:
    return load(cache=Path("/tmp/cali"))  # noqa: S108 - where functions keep it


@cache
def redactor() -> Redactor:
    return Redactor()


class Core:
    """The stage in this process, over stores in memory."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self.store = MemoryIncidents()
        self.alerts_store = MemoryAlerts()
        self.feedback = MemoryFeedback()
        self.warnings: list[str] = []
        self._rules = given.rules
        self._fresh: list[Change] = []
        self.restart()
        api = SlackApi(lambda: given.secrets["bot_token"], given.now, given.sleep, given.slack)
        self.ports = ActionPorts(
            secret=lambda: SECRET,
            incidents=self.store,
            apply=self.apply,
            feedback=self.feedback,
            claims=MemoryClaims(),
            now=given.now,
            redact=lambda text: redactor().text(text),
            ask=cause_form(api, words(given.language)),
        )
        self.handler = ActionHandler(self.ports)

    def close(self) -> None:
        pass

    def restart(self) -> None:
        given = self._given
        rules = parse(self._rules, "rules.yaml")
        self.alerts = Alerts(
            AlertPorts(
                self.store,
                self.alerts_store,
                rules,
                Sinks(rules, SinkEnvironment(given.secrets.__getitem__, given.now, given.sleep)),
                words(given.language),
                given.now,
                given.sleep,
                entry=lambda name: knowledge().entries.get(name),
                wait=given.wait,
                warn=self.warnings.append,
            )
        )

    def rule(self, rules: str) -> None:
        self._rules = rules
        self.restart()

    def apply(self, incident: str, step: Step) -> StoredIncident | None:
        known = self.store.get(incident)
        outcome = step(known)
        if outcome is None:
            return known
        self._fresh += outcome.events
        return self.store.put(sent(outcome.stored, outcome.stored.changes))

    def fresh(self) -> Sequence[Change]:
        found, self._fresh = self._fresh, []
        return found

    def hear(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.alerts.handle(change)

    def minute(self) -> None:
        for stored in self.store.find(list(Status), MOST):
            self.apply(stored.incident.id, lambda known: sweep(known, self._given.now()) if known else None)
        self.hear(self.fresh())
        self.alerts.flush()

    def say(self, said: Press | Cause) -> str:
        self._request = request_of(said, self._given.now())
        return self.again()

    def again(self) -> str:
        return str(self.handler.request(*self._request).code)


def request_of(said: Press | Cause, now: float) -> tuple[Mapping[str, str], bytes]:
    """Return the request that Slack sends for an answer."""
    if isinstance(said, Cause):
        return written(said.cause, said.incident, said.by, now)
    return pressed(said.answer, said.incident, said.by, said.at, now)

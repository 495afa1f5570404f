"""Alert scenarios through the command line: incidents in the SQLite file of `cali watch --state`, alerts by `cali
alerts send`, answers by `cali incidents`. Each command is a separate run that shares only the file."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from cali.adapters.sqlite.alerts import SqliteAlerts, SqliteFeedback
from cali.adapters.sqlite.incidents import SqliteIncidents
from cali.bootstrap.incident_stores import applying
from cali.cli import Clock, main
from cali.core.life import Change, StoredIncident
from cali.core.models import Status
from cali.stages.detect import Outcome, sweep
from cali.usecases.answer_alert import Step
from tests.scenarios.alert_shells import MOST, Cause, Given, Press

ANSWERS = {
    "right": ("feedback", "right"),
    "not_an_error": ("feedback", "not-an-error"),
    "resolve": ("resolve",),
    "hour": ("mute", "--for", "1h"),
    "day": ("mute", "--for", "1d"),
    "ever": ("mute",),
}


@contextmanager
def environment(given: pytest.MonkeyPatch) -> Iterator[Callable[[Given], Terminal]]:
    """Set up a terminal. The result creates Shells."""

    def made(town: Given) -> Terminal:
        given.setenv("CALI_LANGUAGE", town.language)
        given.setenv("CALI_ALERT_WAIT", str(town.wait))
        return Terminal(town)

    for name in ("CALI_STATE", "CALI_INCIDENTS_TABLE", "CALI_ALERT_SECRETS"):
        given.delenv(name, raising=False)
    yield made


class Terminal:
    """A Shell for the command line."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._folder = tempfile.TemporaryDirectory()
        self.place = Path(self._folder.name)
        self.state, self.rules = self.place / "state.db", self.place / "rules.yaml"
        self.rule(given.rules)
        self.store = SqliteIncidents(self.state)
        self.alerts_store = SqliteAlerts(self.state)
        self.feedback = SqliteFeedback(self.state)
        self._apply = applying(self.store)
        self.warnings: list[str] = []
        self._seen: dict[str, int] = {}
        self.restart()

    def close(self) -> None:
        for opened in (self.store, self.alerts_store, self.feedback):
            opened.close()
        self._folder.cleanup()

    def restart(self) -> None:
        """Each run is another process; only the secrets may have changed."""
        (self.place / "secrets.json").write_text(json.dumps(self._given.secrets), "utf-8")

    def rule(self, rules: str) -> None:
        self.rules.write_text(rules, "utf-8")

    def apply(self, incident: str, step: Step) -> None:
        """Store changes as `cali watch --state` does: unsent."""
        self._apply(incident, step)

    def fresh(self) -> Sequence[Change]:
        found = []
        for stored in self.store.find(list(Status), MOST):
            name = stored.incident.id
            found += [change for change in stored.unsent if change.number > self._seen.get(name, 0)]
            self._seen[name] = stored.changes
        return found

    def hear(self, changes: Sequence[Change]) -> None:
        """The previous sender stopped before it stored that they were sent, so they are sent again."""
        for name in {change.incident for change in changes}:
            wanted = {change.number: change for change in changes if change.incident == name}
            self._apply(name, lambda known, wanted=wanted: _unsent(known, wanted))  # type: ignore[misc]  # a default binds it
        self._send()

    def minute(self) -> None:
        """Run `cali watch`, which finds quiet incidents, and then the timer that sends."""
        for stored in self.store.find(list(Status), MOST):
            self.apply(stored.incident.id, lambda known: sweep(known, self._given.now()) if known else None)
        self._send()

    def say(self, said: Press | Cause) -> str:
        if isinstance(said, Cause):
            self._answer: tuple[str, ...] = (
                "feedback",
                said.incident,
                "wrong",
                "--cause",
                said.cause,
                "--by",
                said.by,
            )
        else:
            command, *rest = ANSWERS[said.answer]
            self._answer = (command, said.incident, *rest, "--by", said.by)
        return self.again()

    def again(self) -> str:
        code, _ = self.run("incidents", "--state", self.state, *self._answer)
        return f"exit {code}"

    def foretold(self, incident: str) -> list[str]:
        """Return the messages that `cali alerts test` predicts."""
        _, shown = self.run("incidents", "--state", self.state, "show", incident, "--format", "json")
        (self.place / "incident.json").write_text(shown, "utf-8")
        _, out = self.run("alerts", "test", self.rules, self.place / "incident.json", "--format", "json")
        (row,) = json.loads(out)
        return [f"{one['sink']} {one['channel']}".strip() + f": {one['action']}" for one in row["places"]]

    def run(self, *args: object) -> tuple[int, str]:
        """Return the exit code of a run, and its output."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
        code = 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main([str(arg) for arg in args], Clock(self._given.now, self._given.sleep))
            except SystemExit as done:
                code = int(done.code or 0)
        self.warnings += err.getvalue().splitlines()
        return code, out.buffer.getvalue().decode()

    def _send(self) -> None:
        secrets = self.place / "secrets.json"
        code, _ = self.run("alerts", "send", self.rules, "--state", self.state, "--secrets", secrets)
        assert code == 0, self.warnings


def _unsent(known: StoredIncident | None, wanted: dict[int, Change]) -> Outcome | None:
    if known is None:
        return None
    waiting = {change.number: change for change in known.unsent} | wanted
    return Outcome(replace(known, unsent=tuple(waiting[number] for number in sorted(waiting))))

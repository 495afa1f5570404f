"""A simulated town for alert scenarios: a clock, incidents, fake servers of Slack and others, and people.

All messages go through the real sinks over HTTP. Time passes only when a scenario says so. In each minute with due
work the sweep runs, as on AWS. The shell decides which part of CALI handles all this."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from cali.core.life import Change, StoredIncident
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
from cali.stages.detect import LifePolicy, Sighting, advance, diagnose, incident_id, mute, resolve
from cali.testing.slack import TOKEN, Slack
from cali.usecases.answer_alert import Step
from tests.scenarios.alert_servers import SECRET, Mailbox
from tests.scenarios.alert_shells import ENTRY, MOST, Cause, Core, Given, Press, Shell
from tests.scenarios.alert_sights import Sights

START = 1_795_176_000.0  # 2026-11-20 12:00 UTC, 21:00 in Seoul
RULES = {"routes": [{"send": [{"sink": "slack_bot", "channel": "C0LOCAL0001"}]}]}
LIFE = LifePolicy()


class Town(Sights):
    """The steps are methods named `do_<step>`; see `tests/scenarios/alerts/`."""

    def __init__(
        self,
        rules: Mapping[str, Any] | None = None,
        language: str = "en",
        *,
        wait: float = 0.0,
        shell: Callable[[Given], Shell] = Core,
    ) -> None:
        self.time = START
        self.next_minute = START + 60
        self.skew = 0.0  # offset of CALI's clock; Slack's clock is right
        self.slack = Slack(now=lambda: self.time - self.skew)
        self.pagerduty, self.hook = Mailbox(), Mailbox()
        self.server = self.slack.serve()
        self.results: list[str] = []
        self.changes: dict[str, Change] = {}
        self.names: dict[str, str] = {}
        self._positions: dict[str, int] = {}
        self.secrets = {
            "bot_token": TOKEN,
            "webhook_url": self.server.hook,
            "pagerduty_key": "R0",
            "webhook_key": "k",
            "signing_secret": SECRET,
        }
        self.shell = shell(
            Given(
                self.written(rules or RULES),
                language,
                wait,
                self.secrets,
                self.now,
                self.sleep,
                self.server.url,
            )
        )

    def written(self, rules: Mapping[str, Any]) -> str:
        """Return the rules as a file, with the addresses of the servers here."""
        sinks = {"slack_bot": {"kind": "slack_bot", "url": self.server.url}, **rules.get("sinks", {})}
        text = yaml.safe_dump({**rules, "sinks": sinks}, allow_unicode=True)
        return text.replace("PAGERDUTY", self.pagerduty.url).replace("HOOK", self.hook.url)

    def close(self) -> None:
        self.shell.close()
        self.server.close()
        self.pagerduty.close()
        self.hook.close()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def run(self, steps: list[Mapping[str, Any]]) -> None:
        for step in steps:
            given = dict(step)
            name = next(iter(given))
            getattr(self, f"do_{name}")(given.pop(name), **given)

    # Time.

    def do_at(self, seconds: float) -> None:
        """Let time pass to a number of seconds after the start. The sweep runs in each minute with due work."""
        until = max(START + seconds, self.time)
        while True:
            idle = max(0.0, min(self.due(until), until) - self.next_minute)
            self.next_minute += 60 * -(-idle // 60)
            if self.next_minute > until:
                break
            self.time = max(self.time, self.next_minute)
            self.next_minute += 60
            self.minute()
        self.time = max(self.time, until)

    def due(self, until: float) -> float:
        """Return the times before `end` at which the sweep has work."""
        store, few = self.shell.store, len(self.names) < 5  # then to get them costs less than to find them
        found = [store.get(name) for name in self.names.values()] if few else store.find(list(Status), MOST)
        times = [self._silent(stored) for stored in found if stored]
        for key in self.shell.alerts_store.due(until, 1):
            note = self.shell.alerts_store.get(key)
            times.append(note.due if note and note.due else until)
        return min(times, default=float("inf"))

    def _silent(self, stored: StoredIncident) -> float:
        """Return the time at which an incident becomes quiet, without further events."""
        at: float = stored.heard_at + LIFE.quiet_after * 2 ** min(stored.flaps, LIFE.flap_limit)
        match stored.incident.status:
            case Status.OPENED | Status.DIAGNOSED | Status.REGRESSED:
                return at
            case Status.MUTED if stored.muted_until is not None:
                return max(at, stored.muted_until)
        return float("inf")

    def minute(self) -> None:
        self.shell.minute()
        self._spread()

    # Incidents.

    def do_see(self, name: str, count: int = 1, *, hold: bool = False, **about: Any) -> None:
        """Report errors. With `hold` their changes are not delivered yet."""
        incident = self.incident(name, **about)
        place = self._positions[name] = self._positions.get(name, 0) + 1
        seen = Sighting(incident, "shard", place, place, ((place, count),))
        self.seen(incident, seen, hold=hold)

    def seen(self, incident: Incident, seen: Sighting, *, hold: bool = False) -> None:
        """Apply a batch to the stored incident."""
        self._applied(incident.id, lambda known: advance(known, seen, self.time), hold=hold)

    def do_many(self, count: int, every: float = 0.0, name: str = "m", **about: Any) -> None:
        """Open many incidents."""
        for number in range(count):
            self.do_see(f"{name}{number}", **about)
            self.time += every

    def do_diagnose(
        self, name: str, cause: str = "The pool is full.", *, hold: bool = False, **about: Any
    ) -> None:
        origin = Origin(about.get("origin", "knowledge"))
        evidence = (Evidence(1, about.get("evidence", "FATAL: too many clients")),)
        hits = (Hit(ENTRY, 0.9),) if origin is Origin.KNOWLEDGE else ()
        fix = tuple(about.get("fix", ("Look: `kubectl get pods`",)))
        found = Diagnosis(origin, evidence, cause if origin is not Origin.NONE else "", fix, 0.9, hits)
        self._applied(
            self.names[name], lambda known: diagnose(known, found, self.time) if known else None, hold=hold
        )

    def do_resolve(self, name: str, by: str = "") -> None:
        self._applied(self.names[name], lambda known: resolve(known, self.time, by) if known else None)

    def do_mute(self, name: str, seconds: float | None = None, by: str = "") -> None:
        until = None if seconds is None else self.time + seconds
        self._applied(self.names[name], lambda known: mute(known, self.time, until, by) if known else None)

    def do_foretold(self, wanted: Mapping[str, list[str]]) -> None:
        """Check the prediction of `cali alerts test`, in the shell that has it."""
        tell = getattr(self.shell, "foretold", None)
        for name, places in wanted.items():
            found = tell(self.names[name]) if tell else places
            assert found == places, f"foretold of {name}: expected {places}, found {found}"

    # Deliveries.

    def do_hear(self, names: list[str]) -> None:
        """Deliver changes by name and number, such as a#2, once more."""
        for name in names:
            self.shell.hear([self.changes[name]])

    def do_again(self, seed: int) -> None:
        """Deliver all changes so far again, in any order."""
        changes = list(self.changes.values()) * 2
        random.Random(seed).shuffle(changes)
        self.shell.hear(changes)

    # Sinks.

    def do_slack(self, mode: str, pause: int | str | None = 30) -> None:
        self.slack.mode, self.slack.pause = mode, pause

    def do_refuse(self, error: str, of: str = "all") -> None:
        """Make Slack reject with an error; an empty error ends this."""
        self.slack.refuses = {of: error} if error else {}

    def do_token(self, token: str) -> None:
        """Change the secret. A new process knows it at once."""
        self.secrets["bot_token"] = token or TOKEN
        self.shell.restart()

    def do_scopes(self, scopes: list[str]) -> None:
        self.slack.scopes = set(scopes)

    def do_pagerduty(self, status: int) -> None:
        self.pagerduty.status = status

    def do_hook(self, status: int) -> None:
        self.hook.status = status

    def do_delete(self, name: str) -> None:
        self.slack.delete(self.message(name))

    def do_restart(self, _: Any) -> None:
        self.shell.restart()

    def do_rules(self, rules: Mapping[str, Any]) -> None:
        """Change the file of rules."""
        self.shell.rule(self.written(rules))

    def do_clock(self, seconds: float) -> None:
        """Change CALI's clock by a number of seconds."""
        self.time += seconds
        self.skew += seconds

    # People.

    def do_press(
        self, answer: str, of: str, by: str = "anna", *, at: float | None = None, same: bool = False
    ) -> None:
        """Press a button. `same` sends the identical request again."""
        press = Press(answer, self.names.get(of, of), by, self.time if at is None else at)
        self.results.append(self.shell.again() if same else self.shell.say(press))
        self._spread()

    def do_write(self, cause: str, of: str, by: str = "anna") -> None:
        """Enter a cause."""
        self.results.append(self.shell.say(Cause(cause, self.names[of], by)))
        self._spread()

    def _applied(self, incident: str, step: Step, *, hold: bool = False) -> None:
        self.shell.apply(incident, step)
        self._spread(hold=hold)

    def _spread(self, *, hold: bool = False) -> None:
        """Deliver the changes, unless they are held."""
        fresh = self.shell.fresh()
        for change in fresh:
            name = next(key for key, value in self.names.items() if value == change.incident)
            self.changes[f"{name}#{change.number}"] = change
        if fresh and not hold:
            self.shell.hear(fresh)

    def incident(self, name: str, **about: Any) -> Incident:
        """Return an incident in its current state."""
        scope = Scope(*about.get("scope", "prod/shop/orders/api").split("/"))
        template = Template(f"{name:0>16}", about.get("title", f"error {name}"))
        key = incident_id(scope, template.id)
        self.names[name] = key
        severity = Severity[about.get("severity", "error").upper()]
        text = about.get("message", f"ERROR {template.text}")
        text += "".join(
            f"\n\tat com.shop.Orders.place{n}(Orders.java:{n})" for n in range(about.get("trace", 0))
        )
        event = Event((1,), text, self.time, severity, scope, template)
        follows = self.names[about["follows"]] if "follows" in about else None
        title = about.get("title", f"error {name}")
        return Incident(
            key, scope, template, title, severity, 1, 1, 1, self.time, self.time, (event,), follows=follows
        )

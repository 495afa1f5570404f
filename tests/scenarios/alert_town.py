"""A town in which alert scenarios happen: a clock, the life of incidents, Slack and its likes as servers, and people.

Everything that is sent goes through the real sinks over HTTP. Time passes only when a scenario says so, and each minute of
it the sweep runs, as it does on AWS.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import yaml

from cali.adapters.sinks import Sinks, World
from cali.adapters.slack_answers import asking
from cali.adapters.slack_api import SlackApi
from cali.life import Change, Stored
from cali.models import (
    Diagnosis,
    Event,
    Evidence,
    Hit,
    Incident,
    KnowledgeEntry,
    Origin,
    Scope,
    Severity,
    Status,
    Template,
)
from cali.stages.detect import Sighting, advance, diagnose, incident_id, mute, resolve, sent, sweep
from cali.stages.detect.lifecycle import Outcome
from cali.stages.notify import Alerts, Heard, Parts, parse, words
from cali.stages.notify.desk import Desk, DeskParts
from cali.stages.notify.signature import sign
from cali.testing_alerts import MemoryAlerts, MemoryClaims, MemoryFeedback
from cali.testing_incidents import MemoryIncidents
from cali.testing_slack import TOKEN, Message, Slack

START = 1_795_176_000.0  # 2026-11-20 12:00 UTC, 21:00 in Seoul
SECRET = "shhh"
RULES = "routes: [{send: [{sink: slack_bot, channel: C0LOCAL0001}]}]"
ENTRY = KnowledgeEntry(
    "postgres-too-many-clients", "Too many clients", "databases", (), (), "The pool is full.", ("Look.",),
    Severity.CRITICAL, references=("https://www.postgresql.org/docs/",), tags=("database", "postgres"),
)  # fmt: skip


class Mailbox:
    """Any server that takes JSON by POST: PagerDuty, a webhook. `status` is what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.raw: list[bytes] = []
        self.status = 202
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.status < 300:
                    outer.raw.append(body)
                    outer.got.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/x"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Town:
    """Steps are methods named `do_<step>`; see `tests/scenarios/alerts/`."""

    def __init__(self, rules: Any = None, language: str = "en", *, wait: float = 0.0) -> None:
        self.time = START
        self.next_minute = START + 60
        self.slack = Slack(now=lambda: self.time)
        self.pagerduty, self.hook = Mailbox(), Mailbox()
        self.server = self.slack.serve()
        self.store = MemoryIncidents()
        self.alerts_store = MemoryAlerts()
        self.feedback = MemoryFeedback()
        self.warnings: list[str] = []
        self.results: list[str] = []
        self.changes: dict[str, Change] = {}
        self.names: dict[str, str] = {}
        self.held: list[str] = []
        self._positions: dict[str, int] = {}
        text = yaml.safe_dump(rules) if isinstance(rules, dict) else rules or RULES
        for word, url in (
            ("SLACK", self.server.url),
            ("PAGERDUTY", self.pagerduty.url),
            ("HOOK", self.hook.url),
        ):
            text = text.replace(word, url)
        self.rules = parse(text, "rules.yaml")
        secrets = {
            "bot_token": TOKEN,
            "webhook_url": self.server.hook,
            "pagerduty_key": "R0",
            "webhook_key": "k",
        }
        self.secrets = secrets
        self.world = World(secrets.__getitem__, self.now, self.sleep)
        self.language = language
        self.wait = wait
        self.restart()
        api = SlackApi(lambda: secrets["bot_token"], self.now, self.sleep, self.server.url)
        self.desk = Desk(
            DeskParts(
                secret=lambda: SECRET,
                incidents=self.store,
                apply=self._applied,
                feedback=self.feedback,
                claims=MemoryClaims(),
                now=self.now,
                redact=lambda text: text.replace("hunter2", "<password>"),
                ask=asking(api, words(language)),
            )
        )

    def close(self) -> None:
        self.server.close()
        self.pagerduty.close()
        self.hook.close()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def restart(self) -> None:
        """Another process, with the same stores."""
        sinks = Sinks(self.rules, self.world)
        if "slack_bot" in sinks._rules.sinks or any(
            s.sink == "slack_bot" for r in self.rules.routes for s in r.send
        ):
            bot = sinks("slack_bot")
            bot._api._url = self.server.url  # type: ignore[attr-defined]  # Slack's address is here
        self.alerts = Alerts(
            Parts(
                self.store,
                self.alerts_store,
                self.rules,
                sinks,
                words(self.language),
                self.now,
                self.sleep,
                entry=lambda name: ENTRY if name == ENTRY.id else None,
                wait=self.wait,
                warn=self.warnings.append,
            )
        )

    def run(self, steps: list[Mapping[str, Any]]) -> None:
        for step in steps:
            given = dict(step)
            name = next(iter(given))
            getattr(self, f"do_{name}")(given.pop(name), **given)

    # time

    def do_at(self, seconds: float) -> None:
        """Time passes, up to so many seconds after the start; each minute the sweep runs."""
        until = max(START + seconds, self.time)
        while self.next_minute <= until:
            self.time = max(self.time, self.next_minute)
            self.next_minute += 60
            self.minute()
        self.time = max(self.time, until)

    def minute(self) -> None:
        for stored in self.store.find(list(Status), 10_000):
            self._applied(stored.incident.id, lambda known: sweep(known, self.time) if known else None)
        self.alerts.flush()

    # what happens to incidents

    def do_see(self, name: str, count: int = 1, *, hold: bool = False, **about: Any) -> None:
        """Errors are seen. With `hold` nobody hears of what changed yet."""
        incident = self._incident(name, **about)
        place = self._positions[name] = self._positions.get(name, 0) + 1
        seen = Sighting(incident, "shard", place, place, ((place, count),))
        self.seen(incident, seen, hold=hold)

    def seen(self, incident: Incident, seen: Sighting, *, hold: bool = False) -> None:
        """A batch is applied to what is known of its incident."""
        self._applied(incident.id, lambda known: advance(known, seen, self.time), hold=hold)

    def do_many(self, count: int, every: float = 0.0, name: str = "m", **about: Any) -> None:
        """Many incidents open."""
        for number in range(count):
            self.do_see(f"{name}{number}", **about)
            self.time += every

    def do_diagnose(
        self, name: str, cause: str = "The pool is full.", *, hold: bool = False, **about: Any
    ) -> None:
        origin = Origin(about.get("origin", "knowledge"))
        evidence = (Evidence(1, about.get("evidence", "FATAL: too many clients")),)
        hits = (Hit(ENTRY.id, 0.9),) if origin is Origin.KNOWLEDGE else ()
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

    # how it is delivered

    def do_hear(self, names: list[str]) -> None:
        """Changes by name and number, such as a#2, are heard (again)."""
        for name in names:
            self._heard(self.changes[name])

    def do_again(self, seed: int) -> None:
        """All changes so far are heard again, in any order."""
        changes = list(self.changes.values()) * 2
        random.Random(seed).shuffle(changes)
        for change in changes:
            self._heard(change)

    # what happens to sinks

    def do_slack(self, mode: str, pause: int = 30) -> None:
        self.slack.mode, self.slack.pause = mode, pause

    def do_token(self, token: str) -> None:
        self.secrets["bot_token"] = token or TOKEN

    def do_scopes(self, scopes: list[str]) -> None:
        self.slack.scopes = set(scopes)

    def do_pagerduty(self, status: int) -> None:
        self.pagerduty.status = status

    def do_hook(self, status: int) -> None:
        self.hook.status = status

    def do_delete(self, name: str) -> None:
        self.slack.delete(self.message(name))

    def do_restart(self, _: Any) -> None:
        self.restart()

    # what people do

    def do_press(
        self, answer: str, of: str, by: str = "anna", *, at: float | None = None, same: bool = False
    ) -> None:
        """Somebody presses a button. `same` sends the very same request again."""
        if not same:
            self.request = self._request(answer, self.names.get(of, of), by, self.time if at is None else at)
        self.results.append(str(self.desk.request(*self.request).code))

    def do_write(self, cause: str, of: str, by: str = "anna") -> None:
        """Somebody fills in the window that asks for the cause."""
        view = {
            "id": "V1",
            "callback_id": "cali:wrong",
            "private_metadata": self.names[of],
            "state": {"values": {"cause": {"text": {"value": cause}}}},
        }
        body = form({"type": "view_submission", "user": {"id": "U1", "name": by}, "view": view})
        self.results.append(str(self.desk.request(sign(body, SECRET, self.time), body).code))

    # what is expected

    def do_expect(self, wanted: Mapping[str, Any]) -> None:
        for key, value in wanted.items():
            found = (
                getattr(self, f"see_{key}")(value)
                if hasattr(self, f"see_{key}")
                else getattr(self, f"is_{key}")()
            )
            assert found == value, f"{key}: expected {value!r}, found {found!r}"

    def is_messages(self) -> int:
        return len(self.slack.shown())

    def is_replies(self) -> int:
        return len(self.slack.shown(thread=None))

    def is_broadcasts(self) -> int:
        return sum(bool(one.content.get("reply_broadcast")) for one in self.slack.shown(thread=None))

    def is_edits(self) -> int:
        return sum(len(one.edits) for one in self.slack.messages)

    def is_pages(self) -> list[str]:
        return [body["event_action"] for _, body in self.pagerduty.got]

    def is_hooks(self) -> list[str]:
        return [body["kind"] for _, body in self.hook.got]

    def is_results(self) -> list[str]:
        return self.results

    def is_windows(self) -> int:
        return len(self.slack.views)

    def is_suppressed(self) -> list[str]:
        return sorted(name for name, key in self.names.items() if key in self.feedback.suppressed())

    def is_verdicts(self) -> list[str]:
        return [one.verdict.value for one in reversed(self.feedback.find(100))]

    def is_causes(self) -> list[str]:
        return [one.cause for one in reversed(self.feedback.find(100)) if one.cause]

    def is_warned(self) -> bool:
        return bool(self.warnings)

    def see_channels(self, wanted: Mapping[str, int]) -> dict[str, int]:
        return {name: len(self.slack.shown(name)) for name in wanted}

    def see_statuses(self, wanted: Mapping[str, str]) -> dict[str, str]:
        return {name: self.stored(name).incident.status.value for name in wanted}

    def see_shows(self, wanted: Mapping[str, list[str]]) -> dict[str, list[str]]:
        return {
            name: [text for text in texts if text in shown(self.message(name))]
            for name, texts in wanted.items()
        }

    def see_hides(self, wanted: Mapping[str, list[str]]) -> dict[str, list[str]]:
        return {
            name: [text for text in texts if text not in shown(self.message(name))]
            for name, texts in wanted.items()
        }

    def see_said(self, wanted: list[str]) -> list[str]:
        """Texts that replies hold, in order."""
        said = [shown(one) for one in self.slack.shown(thread=None)]
        return (
            [text for text, reply in zip(wanted, said, strict=False) if text in reply]
            if len(said) >= len(wanted)
            else said
        )

    def see_digest(self, wanted: list[str]) -> list[str]:
        """Texts of the last message about many incidents."""
        digests = [one for one in self.slack.shown() if "incidents" in str(one.content.get("text"))]
        return [text for text in wanted if digests and text in shown(digests[-1])]

    # always so

    def check(self) -> None:
        """What holds after every scenario."""
        assert self.slack.violations == []
        said = [one for one in self.slack.messages if not one.deleted and "metadata" in one.content]
        keys = [(one.channel, str(one.content["metadata"])) for one in said]
        assert len(keys) == len(set(keys)), "something was said twice"
        for one in self.slack.messages:
            assert all(later - before >= 59.9 for before, later in pairwise(one.edits)), (
                "changed within a minute"
            )
        for note in self.alerts_store.kept.values():
            assert len(note.body) < 40_000

    def message(self, name: str) -> Message:
        """The message of an incident that is shown in Slack."""
        key = f'"key": "{self.names.get(name, name)}/message'
        found = [one for one in self.slack.shown() if key in json.dumps(one.content.get("metadata"))]
        assert found, f"no message of {name}: {[one.content['text'] for one in self.slack.shown()]}"
        return found[-1]

    def stored(self, name: str) -> Stored:
        stored = self.store.get(self.names[name])
        assert stored
        return stored

    def _applied(
        self, incident: str, step: Callable[[Stored | None], Outcome | None], *, hold: bool = False
    ) -> Stored | None:
        known = self.store.get(incident)
        outcome = step(known)
        if outcome is None:
            return known
        stored = self.store.put(sent(outcome.stored, outcome.stored.changes))
        for change in outcome.events:
            name = next(key for key, value in self.names.items() if value == incident)
            self.changes[f"{name}#{change.number}"] = change
            if not hold:
                self._heard(change)
        return stored

    def _heard(self, change: Change) -> Heard:
        return self.alerts.hear(change)

    def _incident(self, name: str, **about: Any) -> Incident:
        scope = Scope(*about.get("scope", "prod/shop/orders/api").split("/"))
        template = Template(f"{name:0>16}", about.get("title", f"error {name}"))
        key = incident_id(scope, template.id)
        self.names[name] = key
        severity = Severity[about.get("severity", "error").upper()]
        text = about.get("message", f"ERROR {template.text}")
        event = Event((1,), text, self.time, severity, scope, template)
        follows = self.names[about["follows"]] if "follows" in about else None
        title = about.get("title", f"error {name}")
        return Incident(
            key, scope, template, title, severity, 1, 1, 1, self.time, self.time, (event,), follows=follows
        )

    def _request(self, answer: str, incident: str, by: str, at: float) -> tuple[dict[str, str], bytes]:
        action: dict[str, Any] = {"action_id": f"cali:{answer}", "value": incident, "action_ts": repr(at)}
        if answer in ("hour", "day", "ever"):
            action = {
                "action_id": "cali:mute",
                "selected_option": {"value": f"{answer}:{incident}"},
                "action_ts": repr(at),
            }
        body = form(
            {
                "type": "block_actions",
                "user": {"id": "U1", "name": by},
                "trigger_id": "t1",
                "actions": [action],
            }
        )
        return sign(body, SECRET, self.time), body


def form(payload: Mapping[str, Any]) -> bytes:
    """As Slack posts it."""
    return f"payload={quote(json.dumps(payload))}".encode()


def shown(message: Message) -> str:
    """Everything that a person reads in a message."""
    return "\n".join(_texts({key: message.content.get(key) for key in ("text", "blocks", "attachments")}))


def _texts(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    if isinstance(part, dict):
        return [
            text for key, value in part.items() if key not in ("type", "action_id") for text in _texts(value)
        ]
    return [text for one in part for text in _texts(one)] if isinstance(part, list) else []

"""`cali alerts send`: sends the alerts of an incidents file, where no alert function runs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import click

from cali.bootstrap.incident_stores import IncidentStores, in_file
from cali.bootstrap.local import LocalParts, alert_store, local_sinks
from cali.cli import Clock, clock
from cali.core import settings
from cali.core.errors import Misconfigured, Retryable
from cali.core.life import StoredIncident
from cali.core.models import Status
from cali.stages.detect import Outcome, sent
from cali.stages.notify import Rules, parse, words
from cali.usecases.alert import AlertPorts, AlertResult, Alerts

MOST = 100_000


@click.command("send")
@click.argument("rules", type=click.Path(path_type=Path))
@click.option(
    "--state",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CALI_STATE",
    show_envvar=True,
    required=True,
    help="SQLite file of incidents, written by `cali watch --state`.",
)
@click.option(
    "--secrets",
    metavar="PATH",
    type=click.Path(path_type=Path),
    envvar="CALI_ALERT_SECRETS",
    show_envvar=True,
    help='JSON file with the secrets of the sinks, such as {"bot_token": "xoxb-..."}. Make it readable only by you.',
)
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=1.0),
    help="Run until Ctrl-C, and check for changes at this interval. Without it, check once.",
)
@click.pass_context
def send(context: click.Context, rules: Path, state: Path, secrets: Path | None, every: float | None) -> None:
    """Send alerts about changed incidents, as the alert function does on AWS.

    RULES is the YAML file of alert rules. It is read once, at the start. The command sends the changes that
    `cali watch --state` and `cali incidents` made since the last run. It also updates counts, retries failed messages, and
    sends alerts that quiet hours delayed. Run it beside `cali watch` with `--every 5`, or from cron each minute. Each
    message is sent once, even if several processes run.
    """
    sender = _sender(rules, state, secrets, clock(context))
    while True:
        try:
            done = sender.run()
        except Retryable as error:
            if every is None:
                raise
            _warn(str(error))
            done = Done()
        if every is None or done != Done():
            click.echo(f"{done.heard} changes heard, {done.sent} messages sent or changed, {done.later} wait")
        if every is None:
            return
        clock(context).sleep(every)


@dataclass(frozen=True, slots=True)
class Done:
    """Counts of one pass. A later pass retries the `later` ones."""

    heard: int = 0
    sent: int = 0
    later: int = 0


class Sender:
    """Sender of the unsent changes in a store, and of delayed messages."""

    def __init__(self, kept: IncidentStores, alerts: Alerts) -> None:
        self._kept = kept
        self._alerts = alerts

    def run(self) -> Done:
        heard = told = later = 0
        waiting = [change for one in self._kept.incidents.find(tuple(Status), MOST) for change in one.unsent]
        stuck: set[str] = set()
        for change in sorted(waiting, key=lambda one: (one.at, one.incident, one.number)):
            if change.incident in stuck:  # in order: changes are marked as sent up to a number
                continue
            try:
                result = self._alerts.handle(change)
            except Retryable as error:  # another process is sending it, or a store is unavailable
                _warn(str(error))
                later += 1
                stuck.add(change.incident)
                continue
            self._kept.apply(change.incident, lambda known, number=change.number: _told(known, number))  # type: ignore[misc]  # a default binds it
            heard += 1
            told += result is AlertResult.SENT
            later += result is AlertResult.LATER
        flushed = self._alerts.flush()
        return Done(heard, told + flushed.sent, later + flushed.later)


def _told(known: StoredIncident | None, number: int) -> Outcome | None:
    return Outcome(sent(known, number)) if known else None


def _sender(rules: Path, state: Path, secrets: Path | None, clock_: Clock) -> Sender:
    chosen = settings.read(os.environ)
    kept, read, held = in_file(state), read_rules(rules), _SecretsFile(secrets)
    parts = LocalParts(chosen, ask_model=False)
    try:
        sinks = local_sinks(read, held.value, clock_.now, clock_.sleep)
    except Misconfigured as error:
        raise Misconfigured(f"{rules}: {error}") from error
    alerts = Alerts(
        AlertPorts(
            kept.incidents,
            alert_store(state),
            read,
            sinks,
            words(chosen.language),
            clock_.now,
            clock_.sleep,
            entry=lambda name: parts.knowledge.entries.get(name),
            wait=chosen.alert_wait,
            answers=False,  # no endpoint receives button presses
            warn=_warn,
        )
    )
    return Sender(kept, alerts)


def read_rules(path: Path) -> Rules:
    """Return the alert rules in a file."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: not UTF-8: byte {error.start}") from error
    return parse(text, str(path))


class _SecretsFile:
    """Secrets in a file, which is read when the first one is needed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def value(self, key: str) -> str:
        if self._path is None:
            raise Misconfigured(f"--secrets: missing; a sink needs {key!r} from that file")
        try:
            kept = json.loads(self._path.read_text("utf-8"))
        except OSError as error:
            raise Misconfigured(f"{self._path}: {error.strerror}") from error
        except ValueError:
            raise Misconfigured(f"{self._path}: not JSON") from None  # the cause would show the secrets
        value = kept.get(key) if isinstance(kept, dict) else None
        if not isinstance(value, str) or not value:
            raise Misconfigured(f"{self._path}: has no string under the key {key!r}")
        return value


def _warn(line: str) -> None:
    click.echo(f"cali: {' '.join(line.split())}", err=True)

"""`cali alerts`: routes of alerts, and a dry run of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cali.bootstrap.local import LocalParts, empty_store, local_sinks, preview_message
from cali.bootstrap.local_alerts import read_rules
from cali.cli import clock
from cali.cli.alerts_send import send
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.core.life import Change, ChangeKind, StoredIncident
from cali.core.models import Incident, Status
from cali.report.incident_file import incidents
from cali.stages.notify.context import ContextBuilder
from cali.stages.notify.decide import Digest, Effect, Follow, Post, Skip, decide, enroll, record_change
from cali.stages.notify.rules import Rules
from cali.stages.notify.sink import Style
from cali.stages.notify.state import AlertState
from cali.stages.notify.words import Words, words

_STYLES = {
    Style.LIVING: "one message, updated in place, with replies in its thread",
    Style.LETTERS: "two messages at most",
    Style.SIGNAL: "one alarm, resolved when the incident is resolved",
    Style.EVENTS: "each change once",
}


@click.group("alerts")
def command() -> None:
    """Send alerts about incidents, or test the alert rules."""


command.add_command(send)


@command.command("test")
@click.argument("rules", type=click.Path(path_type=Path))
@click.argument("incident", type=click.Path(path_type=Path))
@click.option(
    "--at",
    metavar="TIME",
    help="Use this as the current time, for example 2026-11-20T23:30:00+09:00 to test quiet hours.",
)
@click.option("--id", "name", metavar="ID", help="Test only the incident with this id.")
@click.option("--show", is_flag=True, help="Print the message for each destination.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@click.pass_context
def test(
    context: click.Context,
    rules: Path,
    incident: Path,
    at: str | None,
    name: str | None,
    show: bool,
    form: str,
) -> None:
    """Show which alerts the rules would send, where, and why. Nothing is sent, and no secret is needed.

    RULES is the YAML file of alert rules. INCIDENT is JSON from `cali analyze --format json` or `cali incidents show
    --format json`.
    """
    chosen = settings.read(os.environ)
    read = read_rules(rules)
    now = clock(context).now() if at is None else _time(at)
    found = [one for one in incidents(incident) if name in (None, one.id)]
    if not found:
        raise Misconfigured(f"{incident}: no incident{f' with the id {name}' if name else ''}")
    try:
        tester = _Tester(read, found, words(chosen.language), now, LocalParts(chosen, ask_model=False))
    except Misconfigured as error:
        raise Misconfigured(f"{rules}: {error}") from error
    rows = [tester.row(one) for one in found]
    if form == "json":
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        click.echo(_text(row, show=show))


class _Tester:
    """Dry run of the alert function on the first change of each incident."""

    def __init__(
        self, rules: Rules, found: list[Incident], say: Words, now: float, parts: LocalParts
    ) -> None:
        store = empty_store()
        for one in found:
            if store.get(one.id) is None:
                store.put(_stored(one, now))
        entry = lambda name: parts.knowledge.entries.get(name)  # noqa: E731 - loads the knowledge only when needed
        self._rules = rules
        self._now = now
        self._sinks = local_sinks(rules, _no_secret, lambda: now, lambda _: None)
        self._contexts = ContextBuilder(rules, self._sinks, store, say, entry)

    def row(self, incident: Incident) -> dict[str, Any]:
        stored = _stored(incident, self._now)
        kind = _KINDS.get(incident.status, ChangeKind.OPENED)
        change = Change(incident.id, 1, kind, self._now, incident.severity, incident.count)
        routed = self._contexts.route(incident)
        places = self._contexts.places(stored, AlertState())
        state = record_change(enroll(AlertState(), places), change)
        context = self._contexts.build(stored, state, change, self._now, places)
        rows = []
        for effect in decide(change, state, context, self._now):
            target = context.targets[effect.target]
            use = self._rules.use(target.destination.sink)
            shown = replace(target.message, key=f"{incident.id}/preview", kind=kind.value)
            rows.append(
                {
                    "sink": target.destination.sink,
                    "kind": use.kind,
                    "channel": target.destination.channel,
                    "mention": target.destination.mention,
                    "action": type(effect).__name__.lower(),
                    "why": effect.why,
                    "gets": _STYLES[target.style],
                    **_until(effect),
                    "sends": preview_message(use, shown) if isinstance(effect, Post) else None,
                }
            )
        title, severity = incident.title, incident.severity.label
        about = {"incident": incident.id, "title": title, "severity": severity, "scope": str(incident.scope)}
        return {**about, "status": incident.status.value, "why": list(routed.why), "places": rows}


_KINDS = {
    Status.REGRESSED: ChangeKind.REGRESSED,
    Status.QUIET: ChangeKind.QUIET,
    Status.RESOLVED: ChangeKind.RESOLVED,
    Status.MUTED: ChangeKind.MUTED,
}


def _text(row: dict[str, Any], *, show: bool) -> str:
    from cali.report.wording import visible, visible_lines

    rows = [
        f"{row['incident']}  {row['severity']}  {visible(row['title'])}",
        f"  {row['scope']}, {row['status']}",
    ]
    rows += [f"  {visible(why)}" for why in row["why"]]
    for place in row["places"]:
        where = " ".join(part for part in (place["sink"], place["channel"], place["mention"]) if part)
        rows.append(
            f"  -> {visible(where)}: {place['action']}: {place['why']}"
            + (f", until {place['until']}" if "until" in place else "")
        )
        if place["sends"] is not None:
            rows.append(f"     gets {place['gets']}")
            if show:
                sends = place["sends"]
                text = sends if isinstance(sends, str) else json.dumps(sends, ensure_ascii=False, indent=2)
                rows += [f"     | {line}" for line in visible_lines(text.rstrip("\n"))]
    return "\n".join(rows)


def _until(effect: Effect) -> dict[str, str]:
    if isinstance(effect, Skip) and effect.until:
        from cali.stages.notify.message_text import moment

        return {"until": moment(effect.until)}
    if isinstance(effect, Follow):
        return {"root": effect.root}
    return {"digest": effect.which} if isinstance(effect, Digest) else {}


def _stored(incident: Incident, now: float) -> StoredIncident:
    return StoredIncident(incident, incident.last_seen or now, changes=1)


def _time(at: str) -> float:
    try:
        when = datetime.fromisoformat(at)
    except ValueError as error:
        raise Misconfigured(f"--at: {at!r} is not a time; write it like 2026-11-20T23:30:00+09:00") from error
    return when.astimezone().timestamp() if when.tzinfo is None else when.timestamp()


def _no_secret(key: str) -> str:
    raise Misconfigured(f"{key}: a test sends nothing")

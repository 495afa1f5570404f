"""`cali alerts`: routes of alerts, and a dry run of them."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cali.bootstrap.local import preview_message
from cali.bootstrap.local_alerts import alert_previews, read_rules
from cali.cli import clock
from cali.cli.alerts_send import send
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.report.incident_file import incidents
from cali.stages.notify.decide import Digest, Effect, Follow, Skip
from cali.stages.notify.rules import Rules
from cali.stages.notify.sink import Style
from cali.usecases.preview_alerts import AlertPreview, PreviewedEffect

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
        previews = alert_previews(chosen, read, found, now)
    except Misconfigured as error:
        raise Misconfigured(f"{rules}: {error}") from error
    rows = [_row(preview, read) for preview in previews]
    if form == "json":
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        click.echo(_text(row, show=show))


def _row(preview: AlertPreview, rules: Rules) -> dict[str, Any]:
    incident = preview.incident
    about = {
        "incident": incident.id,
        "title": incident.title,
        "severity": incident.severity.label,
        "scope": str(incident.scope),
        "status": incident.status.value,
        "why": list(preview.why),
    }
    return {**about, "places": [_place(one, rules) for one in preview.effects]}


def _place(previewed: PreviewedEffect, rules: Rules) -> dict[str, Any]:
    destination, effect = previewed.target.destination, previewed.effect
    use = rules.use(destination.sink)
    return {
        "sink": destination.sink,
        "kind": use.kind,
        "channel": destination.channel,
        "mention": destination.mention,
        "action": type(effect).__name__.lower(),
        "why": effect.why,
        "gets": _STYLES[previewed.target.style],
        **_until(effect),
        "sends": None if previewed.message is None else preview_message(use, previewed.message),
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


def _time(at: str) -> float:
    try:
        when = datetime.fromisoformat(at)
    except ValueError as error:
        raise Misconfigured(f"--at: {at!r} is not a time; write it like 2026-11-20T23:30:00+09:00") from error
    return when.astimezone().timestamp() if when.tzinfo is None else when.timestamp()

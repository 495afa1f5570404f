"""`cali incidents`: lists incidents, and applies the actions of an alert's buttons."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click
from click.core import ParameterSource

from cali.bootstrap.incident_stores import IncidentStores, in_file, in_table
from cali.cli import Clock, clock
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.core.life import StoredIncident, Verdict
from cali.core.models import Status
from cali.core.ports import IncidentStore
from cali.report.json import one_json_line
from cali.report.terminal import one_line
from cali.report.wording import visible
from cali.stages.detect import Outcome, mute, resolve
from cali.stages.notify.actions import feedback
from cali.stages.notify.content import MessageContext, message
from cali.stages.notify.message_text import moment, text
from cali.stages.notify.words import words

ACTIVE = (Status.OPENED, Status.DIAGNOSED, Status.REGRESSED)
MOST = 100_000
_SPAN = re.compile(r"(\d{1,6})([smhdw])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
BY = click.option("--by", metavar="NAME", help="Name to record for this action.  [default: your user name]")


@dataclass(frozen=True)
class StoreChoice:
    """Location of the incidents: a file or a table. The store is opened on first use."""

    state: Path | None
    table: str
    clock: Clock

    @cached_property
    def kept(self) -> IncidentStores:
        if self.table:
            return in_table(self.table, settings.read(os.environ).incidents_stream, self.clock.sleep)
        if self.state is None:
            raise Misconfigured(
                "--state: missing; give the file of `cali watch --state`, or a DynamoDB table with --table"
            )
        return in_file(self.state)

    @property
    def incidents(self) -> IncidentStore:
        return self.kept.incidents

    def stored(self, name: str) -> StoredIncident:
        """Return the incident with this id, or with an id that starts with `name`."""
        found = self.incidents.get(name)
        if found is not None:
            return found
        all_ = self.incidents.find(tuple(Status), MOST) if name else []
        near = [one for one in all_ if one.incident.id.startswith(name)]
        if len(near) == 1:
            return near[0]
        if near:
            ids = ", ".join(one.incident.id for one in near[:5])
            raise Misconfigured(f"{name!r}: matches {len(near)} incidents: {ids}; give more of the id")
        raise Misconfigured(
            f"{name!r}: no incident has this id; `cali incidents list --status all` lists them"
        )

    def change(self, name: str, step: Callable[[StoredIncident], Outcome]) -> str:
        """Apply a step to an incident, and return the incident's id."""
        found = self.stored(name).incident.id
        self.kept.apply(found, lambda known: step(known) if known else None)
        return found


@click.group("incidents")
@click.option(
    "--state",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CALI_STATE",
    show_envvar=True,
    help="SQLite file of incidents, written by `cali watch --state`.",
)
@click.option(
    "--table",
    metavar="NAME",
    envvar="CALI_INCIDENTS_TABLE",
    show_envvar=True,
    help="DynamoDB table of incidents, instead of a file. boto3 finds the region and the credentials.",
)
@click.pass_context
def command(context: click.Context, state: Path | None, table: str | None) -> None:
    """List, show, mute or resolve stored incidents, and give feedback on them.

    With --table, `mute` and `resolve` work as the buttons in Slack do. They publish the change to the stream in
    CALI_INCIDENTS_STREAM, and the Slack message is updated. With --state, `cali alerts send` sends the change.
    """
    named = [
        name
        for name in ("state", "table")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if len(named) == 2:
        raise Misconfigured("--state and --table: give only one of them")
    wanted = "" if named == ["state"] else table or ""
    context.obj = StoreChoice(state, wanted, clock(context))


@command.command("list")
@click.option(
    "--status",
    type=click.Choice([*(one.value for one in Status), "all"]),
    help="List only incidents with this status. [default: opened, diagnosed and regressed]",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Maximum number of incidents.",
)
@FORMAT
@click.pass_obj
def list_incidents(choice: StoreChoice, status: str | None, limit: int, form: str) -> None:
    """List incidents, most recently seen first."""
    wanted = ACTIVE if status is None else tuple(Status) if status == "all" else (Status(status),)
    found = choice.incidents.find(wanted, limit)
    for stored in found:
        if form == "json":
            click.echo(one_json_line(stored.incident), nl=False)
        else:
            incident = stored.incident
            click.echo(
                f"{visible(incident.id)}  {incident.status.value:9}  {one_line(incident, color=False)}"
            )
    if form == "text":
        click.echo(f"{len(found)} incidents", err=True)


@command.command("show")
@click.argument("name", metavar="ID")
@FORMAT
@click.pass_obj
def show(choice: StoreChoice, name: str, form: str) -> None:
    """Show one incident: what broke, why, how to fix it, and its feedback. A unique prefix of the id is enough."""
    stored = choice.stored(name)
    incident = stored.incident
    if form == "json":
        click.echo(one_json_line(incident), nl=False)
        return
    say = words(settings.read(os.environ).language)
    click.echo(text(message(stored, MessageContext(), say, incident.id)), nl=False)
    said = choice.kept.feedback.find(20, incident.id)
    if said:
        click.echo("\nFeedback")
    for one in reversed(said):
        cause = f": {visible(one.cause)}" if one.cause else ""
        click.echo(f"  {moment(one.at)}  {one.verdict.value.replace('_', ' ')} by {visible(one.by)}{cause}")


@command.command("mute")
@click.argument("name", metavar="ID")
@click.option(
    "--for",
    "span",
    metavar="TIME",
    default="ever",
    show_default=True,
    help="Duration of the mute, such as 30m, 1h or 1d. `ever` has no end; 0s ends a mute.",
)
@BY
@click.pass_obj
def mute_incident(choice: StoreChoice, name: str, span: str, by: str | None) -> None:
    """Send no alerts about an incident for a time. Its events are still counted."""
    now = choice.clock.now()
    until = None if span == "ever" else now + _seconds(span)
    found = choice.change(name, lambda known: mute(known, now, until, by or _me()))
    click.echo(f"{found}: muted {'for ever' if until is None else f'until {moment(until)}'}")


@command.command("resolve")
@click.argument("name", metavar="ID")
@BY
@click.pass_obj
def resolve_incident(choice: StoreChoice, name: str, by: str | None) -> None:
    """Mark an incident as resolved. If its error occurs again, its status becomes regressed."""
    now = choice.clock.now()
    found = choice.change(name, lambda known: resolve(known, now, by or _me()))
    click.echo(f"{found}: resolved")


@command.command("feedback")
@click.argument("name", metavar="ID")
@click.argument("verdict", type=click.Choice(["right", "wrong", "not-an-error"]))
@click.option("--cause", metavar="TEXT", default="", help="The real cause. Only with `wrong`.")
@BY
@click.pass_obj
def give_feedback(choice: StoreChoice, name: str, verdict: str, cause: str, by: str | None) -> None:
    """Record whether the explanation was right. The learning jobs use this feedback.

    `not-an-error` mutes the incident for ever, and its template opens no more incidents in that scope. To undo it, give
    `right` or `wrong`, and end the mute with `cali incidents mute ID --for 0s`.
    """
    from cali.stages.refine.redact import Redactor

    if cause and verdict != "wrong":
        raise Misconfigured(f"--cause: allowed only with `wrong`, not with `{verdict}`")
    who, now = by or _me(), choice.clock.now()
    stored = choice.stored(name)
    record = feedback(stored, Verdict(verdict.replace("-", "_")), who, now, cause, Redactor().text)
    choice.kept.feedback.put(record)
    if record.verdict is Verdict.NOT_AN_ERROR:
        choice.change(stored.incident.id, lambda known: mute(known, now, None, who))
    click.echo(f"{stored.incident.id}: recorded as {verdict.replace('-', ' ')}")


def _seconds(span: str) -> float:
    match = _SPAN.match(span)
    if not match:
        raise Misconfigured(f"--for: {span!r} is not a duration; write it like 30m, 1h, 1d, or ever")
    return float(int(match[1]) * _SECONDS[match[2]])


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"

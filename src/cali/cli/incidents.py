"""`cali incidents`: look at incidents, and answer them as the buttons of an alert do."""

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
    help="How to print.",
)
BY = click.option("--by", metavar="NAME", help="Who says so.  [default: who runs this]")


@dataclass(frozen=True)
class Asked:
    """Which incidents are asked for; they are opened when somebody looks."""

    state: Path | None
    table: str
    clock: Clock

    @cached_property
    def kept(self) -> IncidentStores:
        if self.table:
            return in_table(self.table, settings.read(os.environ).incidents_stream, self.clock.sleep)
        if self.state is None:
            raise Misconfigured(
                "--state: missing; name the file of `cali watch --state`, or with --table a table on AWS"
            )
        return in_file(self.state)

    @property
    def incidents(self) -> IncidentStore:
        return self.kept.incidents

    def stored(self, name: str) -> StoredIncident:
        """The incident of an id, or of the beginning of one."""
        found = self.incidents.get(name)
        if found is not None:
            return found
        all_ = self.incidents.find(tuple(Status), MOST) if name else []
        near = [one for one in all_ if one.incident.id.startswith(name)]
        if len(near) == 1:
            return near[0]
        if near:
            ids = ", ".join(one.incident.id for one in near[:5])
            raise Misconfigured(f"{name!r}: {len(near)} incidents begin so: {ids}")
        raise Misconfigured(
            f"{name!r}: no incident has this id; `cali incidents list --status all` lists them"
        )

    def change(self, name: str, step: Callable[[StoredIncident], Outcome]) -> str:
        """Applies a step to an incident, and gives its id."""
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
    help="The SQLite file in which `cali watch --state` keeps incidents.",
)
@click.option(
    "--table",
    metavar="NAME",
    envvar="CALI_INCIDENTS_TABLE",
    show_envvar=True,
    help="The DynamoDB table of the functions, instead of a file. Region and credentials are those that boto3 finds.",
)
@click.pass_context
def command(context: click.Context, state: Path | None, table: str | None) -> None:
    """The incidents that are kept: look at them, mute them, resolve them, say what was right and wrong.

    With a table, `mute` and `resolve` do what the buttons do: the change is published on the stream that
    CALI_INCIDENTS_STREAM names, and the message in Slack changes. With a file, `cali alerts send` tells of it.
    """
    named = [
        name
        for name in ("state", "table")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if len(named) == 2:
        raise Misconfigured("--state and --table: incidents are in the one or in the other")
    wanted = "" if named == ["state"] else table or ""
    context.obj = Asked(state, wanted, clock(context))


@command.command("list")
@click.option(
    "--status",
    type=click.Choice([*(one.value for one in Status), "all"]),
    help="Only these. [default: those that are on]",
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most."
)
@FORMAT
@click.pass_obj
def list_incidents(asked: Asked, status: str | None, limit: int, form: str) -> None:
    """List incidents, those heard of last first."""
    wanted = ACTIVE if status is None else tuple(Status) if status == "all" else (Status(status),)
    found = asked.incidents.find(wanted, limit)
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
def show(asked: Asked, name: str, form: str) -> None:
    """Show one incident: what broke, why, what to do, and what people said of it. The beginning of its id is enough."""
    stored = asked.stored(name)
    incident = stored.incident
    if form == "json":
        click.echo(one_json_line(incident), nl=False)
        return
    say = words(settings.read(os.environ).language)
    click.echo(text(message(stored, MessageContext(), say, incident.id)), nl=False)
    said = asked.kept.feedback.find(20, incident.id)
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
    help="Such as 30m, 1h, 1d, or ever. 0s ends a mute.",
)
@BY
@click.pass_obj
def mute_incident(asked: Asked, name: str, span: str, by: str | None) -> None:
    """Hear no more of an incident for a time. It is still counted."""
    now = asked.clock.now()
    until = None if span == "ever" else now + _seconds(span)
    found = asked.change(name, lambda known: mute(known, now, until, by or _me()))
    click.echo(f"{found}: muted {'for ever' if until is None else f'until {moment(until)}'}")


@command.command("resolve")
@click.argument("name", metavar="ID")
@BY
@click.pass_obj
def resolve_incident(asked: Asked, name: str, by: str | None) -> None:
    """Say that an incident is fixed. If it is seen again, it has regressed."""
    now = asked.clock.now()
    found = asked.change(name, lambda known: resolve(known, now, by or _me()))
    click.echo(f"{found}: resolved")


@command.command("feedback")
@click.argument("name", metavar="ID")
@click.argument("verdict", type=click.Choice(["right", "wrong", "not-an-error"]))
@click.option("--cause", metavar="TEXT", default="", help="With wrong: what the cause was.")
@BY
@click.pass_obj
def give_feedback(asked: Asked, name: str, verdict: str, cause: str, by: str | None) -> None:
    """Say whether the explanation was right. It is kept for learning.

    `not-an-error` mutes the incident for ever and keeps its template from being raised in that place; `right` or `wrong`
    later takes that back, and `cali incidents mute ID --for 0s` ends the mute.
    """
    from cali.stages.refine.redact import Redactor

    if cause and verdict != "wrong":
        raise Misconfigured(f"--cause: goes with wrong, not with {verdict}")
    who, now = by or _me(), asked.clock.now()
    stored = asked.stored(name)
    record = feedback(stored, Verdict(verdict.replace("-", "_")), who, now, cause, Redactor().text)
    asked.kept.feedback.put(record)
    if record.verdict is Verdict.NOT_AN_ERROR:
        asked.change(stored.incident.id, lambda known: mute(known, now, None, who))
    click.echo(f"{stored.incident.id}: kept that it is {verdict.replace('-', ' ')}")


def _seconds(span: str) -> float:
    match = _SPAN.match(span)
    if not match:
        raise Misconfigured(f"--for: {span!r} is no time such as 30m, 1h, 1d, or ever")
    return float(int(match[1]) * _SECONDS[match[2]])


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"

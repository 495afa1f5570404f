"""`cali release`: lists releases of learnt knowledge and template books, puts one in force, and rolls back."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cali.cli.learning import DATA, day_of, parts
from cali.core.errors import Misconfigured
from cali.usecases.learn.publishing import JOB, accepted, released
from cali.usecases.learn.step_results import StepRun
from cali.usecases.releases import BOOKS, KNOWLEDGE
from cali.usecases.releases.documents import yaml_of

if TYPE_CHECKING:
    from cali.usecases.releases import Current

WHY = click.option("--why", default="", help="Reason, stored with the change.")


@click.group("release")
def command() -> None:
    """List, put in force and roll back releases of learnt knowledge and template books.

    The functions load a change within a minute, without a deployment.
    """


@command.command("list")
@DATA
def list_releases(data: Path | None) -> None:
    """List the stored versions. A star marks those in force, a minus those previously in force."""
    releases = parts(data).releases
    now = releases.current()
    for kind in (KNOWLEDGE, BOOKS):
        for version in releases.versions(kind):
            mark = "*" if version in now.versions else "-" if version in now.previous else " "
            click.echo(f"{mark} {kind:9} {version}")
    _tell(now)


@command.command("show")
@click.argument("version", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="Output format. yaml is a knowledge file for `cali kb add`.",
)
@DATA
def show(version: str | None, form: str, data: Path | None) -> None:
    """Show the entries of VERSION and their feedback. Without VERSION, show the knowledge in force."""
    releases = parts(data).releases
    version = version or releases.current().versions.knowledge
    if version and releases.kind(version) == BOOKS:
        raise Misconfigured(
            f"{version}: a template book, not knowledge; `cali release list` lists the versions"
        )
    learnt = releases.learnt(version)
    if form == "yaml":
        click.echo(
            yaml_of(learnt.entries.values(), version[:10] or f"{datetime.now(UTC):%Y-%m-%d}"), nl=False
        )
    elif form == "json":
        entries = [{**asdict(one), "severity": one.severity.label} for one in learnt.entries.values()]
        said = {name: one._asdict() for name, one in learnt.standing.items()}
        body = {"version": version, "entries": entries, "standing": said, "withdrawn": dict(learnt.withdrawn)}
        click.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        for name, entry in sorted(learnt.entries.items()):
            stands = learnt.standing.get(name)
            heard = f"  (right {stands.right}, wrong {stands.wrong})" if stands else ""
            click.echo(f"{name}  {entry.title}{heard}\n    {entry.cause}")
        for name, why in sorted(learnt.withdrawn.items()):
            click.echo(f"{name}  withdrawn: {why}")
        click.echo(f"{len(learnt.entries)} learnt entries, version {version or 'as shipped'}", err=True)


@command.command("use")
@click.argument("version")
@WHY
@DATA
def use(version: str, why: str, data: Path | None) -> None:
    """Put VERSION in force."""
    _tell(parts(data).releases.use(version, _at(), why or "chosen by a person"))


@command.command("back")
@WHY
@DATA
def back(why: str, data: Path | None) -> None:
    """Roll back to the versions previously in force. A second rollback undoes the first."""
    _tell(parts(data).releases.back(_at(), why or "gone back by a person"))


@command.command("accept")
@click.argument("day")
@DATA
def accept(day: str, data: Path | None) -> None:
    """Put the proposal of DAY in force. `learn_new_errors` makes proposals if CALI_LEARNING_APPROVAL=manual."""
    _tell(accepted(StepRun(JOB, day_of(day), parts(data))))


@command.command("add")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@DATA
def add(files: tuple[Path, ...], data: Path | None) -> None:
    """Check knowledge FILES, and put their entries in force, for example after a pull request was merged.

    They replace learnt entries with the same id.
    """
    from cali.stages.retrieve.audit import audit, gather

    made = parts(data)
    sources, faults = gather(list(files))
    faults += audit(sources, made.knowledge().entries)
    for fault in faults:
        raise Misconfigured(str(fault))
    entries = [
        replace(source.entry, tags=tuple(dict.fromkeys((*source.entry.tags, "learnt")))) for source in sources
    ]
    today = datetime.now(UTC).date()
    _tell(
        released(
            StepRun(JOB, today, made), entries, (), f"added from {', '.join(path.name for path in files)}"
        )
    )


def _at() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _tell(now: Current) -> None:
    knowledge, book = now.versions
    since = f", since {now.at}: {now.why}" if now.at else ""
    click.echo(f"in force: knowledge {knowledge or 'as shipped'}, book {book or 'none'}{since}", err=True)

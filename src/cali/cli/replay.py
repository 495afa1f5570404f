"""`cali replay`: what CALI would have made of logs that were kept, and what another version makes of them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from cali.bootstrap.replay import (
    ReplayRun,
    VersionNames,
    releases_place,
    replay_run,
    store_replayed,
    versions,
)
from cali.cli import check_folder, color_wanted, options, with_progress, write
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.report.replay import Replayed, as_json, as_text, changes_as_json, changes_as_text
from cali.stages.detect import LifePolicy
from cali.usecases.replay import Changes, ReplayVersions, Terms, compare
from cali.usecases.replay.versions import AS_ANALYZED, AS_DEPLOYED

FAIL_ON = ("change", "loss")


@click.command("replay")
@click.argument("source", metavar="SOURCE")
@click.option(
    "--at",
    metavar="TIME",
    help="As it was at this time, such as 2026-11-20T09:00:00Z: events after it do not count.",
)
@click.option("--since", metavar="TIME", help="Events before this time do not count.")
@click.option(
    "--knowledge", metavar="V|DIR", help="A shipped version, a folder, BASE+TEAM of those, or release:V."
)
@click.option("--masks", metavar="V", help="Version of the masks.  [default: the newest]")
@options.book
@click.option(
    "--releases",
    metavar="PLACE",
    help="Folder or s3://BUCKET of what was released.  [default: the source's bucket, or CALI_LOGS_BUCKET]",
)
@click.option("--rules", metavar="FILE", type=Path, help="The alert rules.  [default: all to Slack]")
@click.option("--model", metavar="NAME", help="The model to work out the cost of.  [default: CALI_MODEL]")
@click.option(
    "--undo-warnings",
    is_flag=True,
    help="As `cali analyze` does, drop a warning when a later line says that it worked after all. The functions keep it.",
)
@click.option(
    "--cluster", metavar="NAME", help="The cluster of lines that name none.  [default: CALI_CLUSTER]"
)
@click.option(
    "--compare",
    "pair",
    metavar="A B",
    nargs=2,
    help="Compare two versions: knowledge=, masks=, book=, several with commas between, or `now`: as the options say.",
)
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    help="With --compare exit with 1 on any change, or on a loss: a cause or an incident that is gone.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing and tell nobody. It is so without this, too.")
@click.option(
    "--write",
    "state",
    metavar="FILE",
    type=Path,
    help="Keep the incidents that this file of `cali watch --state` does not hold yet. Nobody is told.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print.",
)
@click.option("--out", metavar="PATH", type=Path, help="Write there instead of to standard output.")
def command(
    source: str,
    at: str | None,
    since: str | None,
    knowledge: str | None,
    masks: str | None,
    book_path: Path | None,
    releases: str | None,
    rules: Path | None,
    model: str | None,
    undo_warnings: bool,
    cluster: str | None,
    pair: tuple[str, str] | None,
    fail_on: str | None,
    dry_run: bool,
    state: Path | None,
    form: str,
    out: Path | None,
) -> int:
    """Re-derive incidents from logs that were kept, at any version of the knowledge, the masks and the book.

    SOURCE is a folder, a file, or s3://BUCKET/raw/ as Firehose writes it. Objects are read in the order of their keys, and
    the times are those of the lines, so the same source and versions give the same output, to the byte. Nothing is written
    and nobody is told: what a model would have cost and which messages would have been sent is worked out.
    """
    begin, end = _moment("--since", since), _moment("--at", at)
    _check(pair, fail_on, dry_run, state, out, begin, end)
    chosen = settings.read(os.environ)
    terms = Terms(
        cluster=chosen.cluster if cluster is None else cluster,
        since=begin,
        until=end,
        language=chosen.language,
        policy=AS_ANALYZED if undo_warnings else AS_DEPLOYED,
        life=LifePolicy(quiet_after=chosen.quiet_after),
    )
    run = replay_run(chosen, source, terms, rules, with_progress)
    model = chosen.model if model is None else model
    given = VersionNames(knowledge, masks, book_path, model, releases_place(releases, source, chosen))
    if pair:
        before, after = [_replayed(run, versions(chosen, given, spec), spec) for spec in pair]
        changes = compare(before.outcome, after.outcome)
        render = changes_as_json if form == "json" else changes_as_text
        write(render(changes, before, after), out)
        return int(_fails(changes, fail_on))
    replayed = _replayed(run, versions(chosen, given))
    if state:
        click.echo(f"cali: {state}: {store_replayed(replayed.outcome, state):,} incidents kept", err=True)
    color = out is None and color_wanted()
    write(as_json(replayed) if form == "json" else as_text(replayed, color=color), out)
    return 0


def _replayed(run: ReplayRun, chosen: ReplayVersions, name: str = "") -> Replayed:
    result, alerts = run.replay(chosen)
    for damaged in run.logs.damaged:
        click.echo(f"cali: {damaged}; what could be read of it counts", err=True)
    return Replayed(run.logs, result, alerts, name)


def _check(
    pair: tuple[str, str] | None,
    fail_on: str | None,
    dry_run: bool,
    state: Path | None,
    out: Path | None,
    since: float | None,
    at: float | None,
) -> None:
    """Raise Misconfigured for options that do not go together."""
    if fail_on and not pair:
        raise Misconfigured("--fail-on: needs two versions to compare: --compare A B")
    if since is not None and at is not None and since > at:
        raise Misconfigured("--since: is after --at, so nothing is asked for")
    if state and dry_run:
        raise Misconfigured("--write: not with --dry-run, which writes nothing")
    if state and pair:
        raise Misconfigured("--write: not with --compare, which version is to be kept?")
    check_folder(out)


def _fails(changes: Changes, fail_on: str | None) -> bool:
    return bool(changes.rows) if fail_on == "change" else fail_on == "loss" and bool(changes.losses)


def _moment(option: str, text: str | None) -> float | None:
    """Return a time as a person writes it. Without a zone it is UTC, as the partitions are."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{option}: {text!r} is no time such as 2026-11-20T09:00:00Z") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()

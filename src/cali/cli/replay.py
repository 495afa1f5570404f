"""`cali replay`: derives incidents from stored logs again, and compares two versions on them."""

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
    help="Ignore events after this time, such as 2026-11-20T09:00:00Z.",
)
@click.option("--since", metavar="TIME", help="Ignore events before this time.")
@click.option(
    "--knowledge",
    metavar="V|DIR",
    help="Knowledge: a shipped version, a folder, BASE+TEAM of those, or release:V.",
)
@click.option("--masks", metavar="V", help="Version of the masks.  [default: the latest]")
@options.book
@click.option(
    "--releases",
    metavar="PLACE",
    help="Folder or s3://BUCKET of the releases.  [default: the source's bucket, or CALI_LOGS_BUCKET]",
)
@click.option("--rules", metavar="FILE", type=Path, help="Alert rules file.  [default: every alert to Slack]")
@click.option("--model", metavar="NAME", help="Model whose cost is estimated.  [default: CALI_MODEL]")
@click.option(
    "--undo-warnings",
    is_flag=True,
    help="Drop a warning if a later line reports success, as `cali analyze` does. The functions keep such warnings.",
)
@click.option("--cluster", metavar="NAME", help="Cluster of lines that name none.  [default: CALI_CLUSTER]")
@click.option(
    "--compare",
    "pair",
    metavar="A B",
    nargs=2,
    help="Compare two versions. Each is `now` (the other options) or a list such as knowledge=V,masks=V,book=FILE.",
)
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    help="With --compare, exit with code 1 on any change, or on a loss: a missing incident or cause.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing and send nothing. This is the default.")
@click.option(
    "--write",
    "state",
    metavar="FILE",
    type=Path,
    help="Add the incidents to this file of `cali watch --state`, unless it has them. No alert is sent.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@click.option("--out", metavar="PATH", type=Path, help="Write to this file instead of standard output.")
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
    """Derive incidents from stored logs again, with any version of the knowledge, the masks and the book.

    SOURCE is a folder, a file, or s3://BUCKET/raw/ as Firehose writes it. Objects are read in key order, and time comes
    from the lines. The same source and versions therefore give the same bytes. Nothing is written, and no alert is sent.
    The report estimates the cost of model calls, and lists the messages that the alert rules would send.
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
        click.echo(f"cali: {damaged}; its readable part is used", err=True)
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
    """Raise Misconfigured for options that cannot be combined."""
    if fail_on and not pair:
        raise Misconfigured("--fail-on: needs --compare A B")
    if since is not None and at is not None and since > at:
        raise Misconfigured("--since: must not be after --at")
    if state and dry_run:
        raise Misconfigured("--write: cannot be combined with --dry-run")
    if state and pair:
        raise Misconfigured("--write: cannot be combined with --compare, which replays two versions")
    check_folder(out)


def _fails(changes: Changes, fail_on: str | None) -> bool:
    return bool(changes.rows) if fail_on == "change" else fail_on == "loss" and bool(changes.losses)


def _moment(option: str, text: str | None) -> float | None:
    """Parse a time. A time without a zone is UTC, as the partitions are."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(
            f"{option}: {text!r} is not a time; write it like 2026-11-20T09:00:00Z"
        ) from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()

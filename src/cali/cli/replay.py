"""`cali replay`: what CALI would have made of logs that were kept, and what another version makes of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cali.adapters.memory.alerts import MemoryAlerts
from cali.adapters.memory.incidents import MemoryIncidents
from cali.adapters.sources.raw_logs import RawLogs, raw_logs
from cali.cli import check_folder, color_wanted, options, with_progress, write
from cali.cli.replay_options import Given, moment, versions
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.report.replay import Replayed, as_json, as_text, changes_as_json, changes_as_text
from cali.stages.detect import LifePolicy
from cali.stages.notify.rules import Route, Rules, Send, When
from cali.usecases.replay import Changes, ReplayResult, ReplayVersions, Terms, compare, replay
from cali.usecases.replay.alert_counts import AlertCount, ReplayStores, count_alerts
from cali.usecases.replay.versions import AS_ANALYZED, AS_DEPLOYED

if TYPE_CHECKING:
    from cali.core.settings import Settings

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
    begin, end = moment("--since", since), moment("--at", at)
    _check(pair, fail_on, dry_run, state, out, begin, end)
    chosen = settings.read(os.environ)
    asked = _Asked(
        chosen,
        raw_logs(source, begin, end),
        Terms(
            cluster=chosen.cluster if cluster is None else cluster,
            since=begin,
            until=end,
            language=chosen.language,
            policy=AS_ANALYZED if undo_warnings else AS_DEPLOYED,
            life=LifePolicy(quiet_after=chosen.quiet_after),
        ),
        _rules(rules, chosen),
    )
    given = Given(
        knowledge,
        masks,
        book_path,
        chosen.model if model is None else model,
        _place(releases, source, chosen),
    )
    if pair:
        return asked.compared([versions(chosen, given, spec) for spec in pair], pair, fail_on, form, out)
    one = versions(chosen, given)
    outcome = asked.outcome(one)
    if state:
        from cali.cli.replay_kept import keep

        click.echo(f"cali: {state}: {keep(outcome, state):,} incidents kept", err=True)
    result = Replayed(asked.logs, outcome, asked.count_alerts(outcome, one))
    write(as_json(result) if form == "json" else as_text(result, color=out is None and color_wanted()), out)
    return 0


def _check(
    pair: tuple[str, str] | None,
    fail_on: str | None,
    dry_run: bool,
    state: Path | None,
    out: Path | None,
    since: float | None,
    at: float | None,
) -> None:
    """Options that do not go together."""
    if fail_on and not pair:
        raise Misconfigured("--fail-on: needs two versions to compare: --compare A B")
    if since is not None and at is not None and since > at:
        raise Misconfigured("--since: is after --at, so nothing is asked for")
    if state and dry_run:
        raise Misconfigured("--write: not with --dry-run, which writes nothing")
    if state and pair:
        raise Misconfigured("--write: not with --compare, which version is to be kept?")
    check_folder(out)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One source under one set of terms."""

    settings: Settings
    logs: RawLogs
    terms: Terms
    rules: Rules

    def outcome(self, chosen: ReplayVersions) -> ReplayResult:
        terms = replace(self.terms, year=self.logs.year)
        found = replay(with_progress(self.logs.lines()), chosen, terms)
        for damaged in self.logs.damaged:
            click.echo(f"cali: {damaged}; what could be read of it counts", err=True)
        return found

    def count_alerts(self, outcome: ReplayResult, chosen: ReplayVersions) -> tuple[AlertCount, ...]:
        from cali.adapters.sinks.registry import style

        return count_alerts(
            outcome,
            self.rules,
            lambda name: style(self.rules.use(name), name),
            ReplayStores(MemoryIncidents(), MemoryAlerts()),
            chosen.knowledge.entries.get,
            self.settings.language,
        )

    def compared(
        self,
        both: Sequence[ReplayVersions],
        names: tuple[str, str],
        fail_on: str | None,
        form: str,
        out: Path | None,
    ) -> int:
        before, after = (self.outcome(chosen) for chosen in both)
        sides = tuple(
            Replayed(self.logs, outcome, self.count_alerts(outcome, chosen), name)
            for outcome, chosen, name in zip((before, after), both, names, strict=True)
        )
        changes = compare(before, after)
        if form == "json":
            write(changes_as_json(changes, sides[0], sides[1]), out)
        else:
            write(changes_as_text(changes, sides[0], sides[1]), out)
        return int(_fails(changes, fail_on))


def _fails(changes: Changes, fail_on: str | None) -> bool:
    return bool(changes.rows) if fail_on == "change" else fail_on == "loss" and bool(changes.losses)


def _place(releases: str | None, source: str, chosen: Settings) -> str:
    """Where what was released is looked for."""
    if releases is not None:
        return releases
    if source.startswith("s3://"):
        return "/".join(source.split("/")[:3])
    return f"s3://{chosen.logs_bucket}" if chosen.logs_bucket else ""


def _rules(path: Path | None, chosen: Settings) -> Rules:
    """The rules of a file; without one all to Slack, as the functions do without rules."""
    if path is None:
        from cali.core.models import Severity

        name = chosen.alert_from.upper()
        if name not in Severity.__members__:
            raise Misconfigured(f"CALI_ALERT_FROM: {chosen.alert_from!r} is no severity")
        send = Send("slack_bot", chosen.slack_channel) if chosen.slack_channel else Send("slack_webhook")
        return Rules((Route("everything", replace(When(), severity=Severity[name]), (send,)),))
    from cali.stages.notify import parse

    try:
        return parse(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise Misconfigured(f"--rules {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"--rules {path}: not UTF-8: byte {error.start}") from error

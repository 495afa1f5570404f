"""`cali refine`: prints the templates in a log with their counts, or with --each the template of each event."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click
import orjson

from cali.bootstrap.local import build_refiner, read_lines
from cali.cli import options, with_progress
from cali.core.models import Event, Severity, Template
from cali.stages.decode import Decoder
from cali.usecases.pipeline import Pipeline, Tally

BATCH = 5_000  # events written at once


@click.command("refine")
@click.argument("source", metavar="FILE|-")
@click.option(
    "--each",
    is_flag=True,
    help="Print one JSON object per event, in order, instead of the table of templates.",
)
@click.option("--no-join", is_flag=True, help="Treat each line as one event: do not join stack traces.")
@options.book
def command(source: str, each: bool, no_join: bool, book_path: Path | None) -> None:
    """List the templates in a log, most frequent first, with their counts and severities.

    FILE is a log of any format, gzipped or plain; - is standard input. With --each, each event is one line of JSON:
    {"line", "fingerprint", "template", "severity"}.
    """
    pipeline = Pipeline(Decoder(), build_refiner(book_path), join=not no_join)
    events, tally = pipeline.events(with_progress(read_lines(source))), pipeline.tally
    if each:
        _write_each(events)
    else:
        _write_table(events, tally)
    if tally.quarantined:
        first = tally.reasons[0]
        click.echo(
            f"quarantined {tally.quarantined:,} lines, first line {first.line}: {first.reason}", err=True
        )


def _write_each(events: Iterable[Event]) -> None:
    labels = {severity: severity.label for severity in Severity}
    rows: list[bytes] = []
    for event in events:
        template = event.template
        row = {
            "line": event.lines[0],
            "fingerprint": template.id,
            "template": template.text,
            "severity": labels[event.severity],
        }
        rows.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        if len(rows) == BATCH:
            sys.stdout.buffer.write(b"".join(rows))
            rows.clear()
    sys.stdout.buffer.write(b"".join(rows))


def _write_table(events: Iterable[Event], tally: Tally) -> None:
    counts: Counter[Template] = Counter()
    worst: dict[str, Severity] = {}
    texts: dict[str, str] = {}
    for event in events:
        template = event.template
        counts[template] += 1
        if event.severity > worst.get(template.id, Severity.TRACE):
            worst[template.id] = event.severity
    by_id: Counter[str] = Counter()
    for template, count in counts.items():
        by_id[template.id] += count
        texts.setdefault(template.id, template.text)
    out = [f"{'count':>10}  {'severity':8}  {'fingerprint':16}  template"]
    for key, count in by_id.most_common():
        severity = worst.get(key, Severity.TRACE).label
        out.append(f"{count:>10,}  {severity:8}  {key}  {_one_line(texts[key])}")
    click.echo("\n".join(out))
    blank = f" ({tally.blank:,} blank)" if tally.blank else ""
    click.echo(f"{tally.lines:,} lines{blank}, {tally.events:,} events, {len(by_id):,} templates", err=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())

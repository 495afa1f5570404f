"""`cali analyze`: finds and explains the incidents in logs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cali.bootstrap.local import LocalParts
from cali.cli import check_folder, color_wanted, options, with_progress, write
from cali.core import settings
from cali.core.models import Severity

if TYPE_CHECKING:
    from cali.usecases.analyze_files import Analysis

FORMATS = ("text", "json", "html")
LEVELS = [severity.label for severity in Severity]


@click.command("analyze")
@click.argument("sources", metavar="FILE...|-", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Output format.",
)
@click.option("--out", metavar="PATH", type=Path, help="Write to this file instead of standard output.")
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(min=0),
    help="Text: details of the first N incidents. By default, of those that fit on one screen.",
)
@click.option("--all", "everything", is_flag=True, help="Text: details of all incidents.")
@click.option(
    "--fail-on",
    metavar="SEVERITY",
    type=click.Choice(LEVELS),
    help="Exit with code 1 if an incident has at least this severity: " + ", ".join(LEVELS[4:]) + " ...",
)
@options.book
@options.no_model
def command(
    sources: tuple[str, ...],
    form: str,
    out: Path | None,
    top: int | None,
    everything: bool,
    fail_on: str | None,
    book_path: Path | None,
    no_model: bool,
) -> int:
    """Find and explain the incidents in logs: cause, fix and evidence. The most severe incident comes first.

    FILE is a log of any format, gzipped or plain; - is standard input. Line numbers continue from one file to the next.
    No account, key or server is needed. A model is called only if CALI_OPENAI_API_KEY is set, or CALI_MODEL with
    CALI_OPENAI_BASE_URL. It receives the redacted lines of errors that the knowledge base cannot explain, once per template.
    """
    check_folder(out)
    parts = LocalParts(settings.read(os.environ), ask_model=not no_model)
    analysis = parts.analyze(sources, book_path, with_progress)
    top = len(analysis.incidents) if everything else top
    write(rendered(analysis, form, color=out is None and color_wanted(), top=top), out)
    if fail_on is None or not analysis.incidents:
        return 0
    return int(max([incident.severity for incident in analysis.incidents]) >= Severity[fail_on.upper()])


def rendered(analysis: Analysis, form: str, *, color: bool, top: int | None = None) -> str | bytes:
    """Render an analysis in one of FORMATS. Each renderer is imported when it is used."""
    if form == "json":
        from cali.report.json import as_json

        return as_json(analysis)
    if form == "html":
        from cali.report.html import as_html

        return as_html(analysis)
    from cali.report.terminal import as_screen

    return as_screen(analysis, top=top, color=color)

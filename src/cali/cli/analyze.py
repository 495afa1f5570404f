"""`cali analyze`: the incidents in logs, explained."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from cali.adapters.sources import files
from cali.bootstrap.local import Embedded
from cali.cli import options
from cali.cli.progress import counted
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.core.models import Evidence, Incident, Severity
from cali.report import Analysis, Summary
from cali.stages.decode import Decoder
from cali.stages.detect import Detector
from cali.stages.refine import book, masks
from cali.stages.refine.refiner import Refiner
from cali.usecases.pipeline import Pipeline, explained, known_severity

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
    help="How to show what was found.",
)
@click.option("--out", metavar="PATH", type=Path, help="Write there instead of to standard output.")
@click.option(
    "--fail-on",
    metavar="SEVERITY",
    type=click.Choice(LEVELS),
    help="Exit with 1 when an incident is at least as severe: " + ", ".join(LEVELS[4:]) + " ...",
)
@options.book
@options.no_model
def command(
    sources: tuple[str, ...],
    form: str,
    out: Path | None,
    fail_on: str | None,
    book_path: Path | None,
    no_model: bool,
) -> int:
    """Explain the incidents in logs: what broke, why, what to do, and the lines that prove it. Most severe first.

    FILE is a log of any format, gzipped or not; - is standard input. Lines of several files are numbered on from one file to
    the next. Needs no account, key or server. A model is asked only if CALI_OPENAI_API_KEY is set, or CALI_MODEL and
    CALI_OPENAI_BASE_URL. It then gets the redacted lines of errors that the knowledge base does not know, once per template.
    """
    if out is not None and not out.parent.is_dir():
        raise Misconfigured(f"--out {out}: {out.parent} is not a directory")
    parts = Embedded(settings.read(os.environ), ask=not no_model)
    analysis = analyze(sources, parts, book_path)
    write(rendered(analysis, form, color=out is None and colored()), out)
    worst = max((incident.severity for incident in analysis.incidents), default=Severity.TRACE)
    return int(fail_on is not None and worst >= Severity[fail_on.upper()])


def analyze(sources: Sequence[str], parts: Embedded, book_path: Path | None = None) -> Analysis:
    """What is in logs, with everything the report says of it."""
    begun = time.perf_counter()
    learnt = book.load(book_path, masks.LATEST) if book_path else None
    refiner = Refiner(book=learnt)
    detector = Detector(lambda event: known_severity(event, parts.knowledge, parts.signatures))
    path = Pipeline(Decoder(parts.settings.cluster, year=time.gmtime().tm_year), refiner)
    templates: set[str] = set()
    severities: Counter[Severity] = Counter()
    first, last = float("inf"), float("-inf")
    for event in path.events(counted(_lines(sources), sys.stderr)):
        detector.observe(event)
        templates.add(event.template.id)
        severities[event.severity] += 1
        if event.time is not None:
            first, last = min(first, event.time), max(last, event.time)
    tally = path.tally
    versions = {"masks": refiner.masks.version, "redaction": refiner.redactor.version}
    reasoner = parts.reasoner(refiner.redactor, versions)
    incidents = explained(detector.incidents(), parts.knowledge, reasoner)
    summary = Summary(
        lines=tally.lines,
        events=tally.events,
        templates=len(templates),
        quarantined=tally.quarantined,
        quarantine=tuple(Evidence(bad.line, bad.reason) for bad in tally.reasons),
        sources=tuple(sources),
        versions={**versions, "knowledge": parts.knowledge.version},
        spend=reasoner.spend,
        healthy=_healthy(severities, incidents),
        began=first if last >= first else None,
        ended=last if last >= first else None,
    )
    return Analysis(replace(summary, seconds=time.perf_counter() - begun), incidents)


def rendered(analysis: Analysis, form: str, *, color: bool) -> str | bytes:
    """The analysis in one of FORMATS. Each renderer is imported when it is used."""
    if form == "json":
        from cali.report.json import as_json

        return as_json(analysis)
    if form == "html":
        from cali.report.html import as_html

        return as_html(analysis)
    from cali.report.terminal import as_text

    return as_text(analysis, color=color)


def write(content: str | bytes, out: Path | None) -> None:
    """Writes to a file, whole or not at all, or to standard output."""
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    if out is None:
        sys.stdout.buffer.write(data)
        return
    part = out.with_name(out.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(out)
    except OSError as error:
        raise Misconfigured(f"--out {out}: {error.strerror}") from error


def _lines(sources: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    return enumerate((raw for source in sources for _, raw in files.lines(source)), 1)


def _healthy(severities: Counter[Severity], incidents: Sequence[Incident]) -> dict[Severity, int]:
    left = Counter(severities)
    for incident in incidents:
        left[incident.severity] -= incident.count
    return {severity: count for severity, count in sorted(left.items()) if count > 0}


def colored() -> bool:
    """Whether standard output takes colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ

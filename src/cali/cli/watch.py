"""`cali watch`: the incidents in a live stream, a line for each as it appears."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
import orjson

from cali.adapters.memory.incidents import MemoryIncidents
from cali.adapters.sources.tail import Tail
from cali.adapters.sqlite.alerts import SqliteFeedback
from cali.adapters.sqlite.incidents import SqliteIncidents
from cali.bootstrap.local import LocalParts, build_refiner
from cali.cli import color_wanted, options
from cali.cli.background import Background
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.core.models import Diagnosis, Origin
from cali.core.ports import IncidentStore
from cali.report import wording
from cali.report.analysis import has_cause
from cali.report.json import one_json_line
from cali.report.terminal import one_line
from cali.stages.decode import Decoder
from cali.stages.detect import LifePolicy
from cali.stages.notify.feedback_rules import Suppressions
from cali.stages.reason import Reasoner, ReasonSettings
from cali.stages.refine.refiner import Refiner
from cali.stages.retrieve import retrieve
from cali.usecases.pipeline import known_severity
from cali.usecases.watch_stream import Live, News

LOOK = 0.3  # seconds between two looks; an event is shown within two of them
SUMMED = 20  # incidents in the summary
REMEMBERED = 2_000  # incidents that a run without a state file keeps
GRACE = 5.0  # seconds beyond the model's own timeout that the end of a pipe waits for its last answers


@click.command("watch")
@click.argument("sources", metavar="[FILE...|-]", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="One line of text, or one JSON object, for each piece of news.",
)
@click.option("--from-start", is_flag=True, help="Read files from their start, not from their end.")
@click.option(
    "--state",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep incidents in this SQLite file: after a restart what was seen before is not new.",
)
@options.book
@options.no_model
def command(
    sources: tuple[str, ...],
    form: str,
    from_start: bool,
    state: Path | None,
    book_path: Path | None,
    no_model: bool,
) -> int:
    """Show the incidents in a live stream: one line for each new one as it appears, with its cause if it is known.

    Reads files as they grow, over rotation and truncation, and files that appear later; or a pipe such as that of
    `kubectl logs -f`, which is also what it reads without FILE. Updates come rarely: a burst, a worse severity, an incident
    that is back, a model's answer. Ends with a summary at the end of the pipe, or on Ctrl-C with exit code 130.
    """
    chosen = settings.read(os.environ)
    parts = LocalParts(chosen, ask_model=not no_model)
    tail = Tail(sources or ("-",), from_start)
    refiner = build_refiner(book_path)
    store = SqliteIncidents(state) if state else MemoryIncidents(REMEMBERED)
    no_error = Suppressions(SqliteFeedback(state), time.time) if state else ()
    live = _live(parts, refiner, store, no_error)
    background = _background(parts, refiner)
    for name in tail.missing:
        click.echo(f"cali: waiting for {name}", err=True)
    show = _shown(form)
    with _stopped() as stopped:
        _follow(tail, live, background, show, stopped)
        news = live.end(time.time())
        show(news)
        if background is not None:
            _ask(background, news)
            wait = 0.0 if stopped else chosen.model_timeout + GRACE
            show(_answers(live, background.finish(wait)))
    tail.close()
    if live.tally.lines == 0 and not stopped:
        raise Misconfigured("standard input: empty, there is nothing to read")
    _write(_summary(live, form, background.left_out if background else 0))
    return 128 + stopped[0] if stopped else 0


def _follow(
    tail: Tail,
    live: Live,
    background: Background | None,
    show: Callable[[list[News]], None],
    stopped: list[int],
) -> None:
    due = time.monotonic() + LOOK
    while not stopped and not tail.ended:
        live.feed(tail.read(max(0.0, due - time.monotonic())))
        if time.monotonic() < due:
            continue
        due = time.monotonic() + LOOK
        news = live.look(time.time())
        show(news)
        if background is not None:
            _ask(background, news)
            show(_answers(live, background.told()))
    live.feed(tail.rest())


def _live(parts: LocalParts, refiner: Refiner, store: IncidentStore, no_error: Container[str] = ()) -> Live:
    """What is known is answered here at once, from signatures: to open an index would hold up the reading."""
    knowledge, signatures = parts.knowledge, parts.signatures
    versions = {"masks": refiner.masks.version, "redaction": refiner.redactor.version}
    quick = Reasoner(
        knowledge,
        lambda text: retrieve(text, signatures),
        refiner.redactor.text,
        settings=ReasonSettings(versions=versions),
    )
    return Live(
        Decoder(parts.settings.cluster, year=time.gmtime().tm_year),
        refiner,
        lambda event: known_severity(event, knowledge, signatures),
        quick.diagnose,
        store,
        time.time(),
        LifePolicy(quiet_after=parts.settings.quiet_after),
        no_error,
    )


def _background(parts: LocalParts, refiner: Refiner) -> Background | None:
    if not parts.model:
        return None
    versions = {"masks": refiner.masks.version, "redaction": refiner.redactor.version}
    return Background(parts.reasoner(refiner, versions).diagnose)


def _ask(background: Background, news: Sequence[News]) -> None:
    for what, incident in news:
        diagnosis = incident.diagnosis
        if what == "opened" and (diagnosis is None or diagnosis.origin is Origin.NONE):
            background.ask(incident)


def _answers(live: Live, told: Sequence[tuple[str, Diagnosis]]) -> list[News]:
    return [news for name, diagnosis in told for news in live.diagnosed(name, diagnosis, time.time())]


def _shown(form: str) -> Callable[[list[News]], None]:
    """Writes news at once: who reads the other end of a pipe waits for them."""
    color = color_wanted()

    def line(news: News) -> bytes:
        if form == "json":
            return one_json_line(news.incident, change=news.what)
        told = one_line(news.incident, color=color)
        return (told if news.what == "opened" else f"  {news.what}: {told}").encode(
            "utf-8", "replace"
        ) + b"\n"

    return lambda news: _write(b"".join(map(line, news)))


def _summary(live: Live, form: str, left_out: int) -> bytes:
    incidents, tally = live.incidents(), live.tally
    known = sum(map(has_cause, incidents))
    if form == "json":
        counts = {
            "lines": tally.lines,
            "events": tally.events,
            "incidents": len(incidents),
            "new": live.opened,
            "explained": known,
            "quarantined": tally.quarantined,
            "left_out": left_out,
            "folded": live.folded,
        }
        return orjson.dumps({"summary": counts}, option=orjson.OPT_APPEND_NEWLINE)
    facts = [f"{wording.number(len(incidents), 'incident')} in {wording.number(tally.lines, 'line')}"]
    if incidents:
        facts.append(f"{known:,} explained, {len(incidents) - known:,} unknown")
    if live.opened > len(incidents):
        facts.append(f"the latest of {live.opened:,} that were new")
    if tally.quarantined:
        facts.append(f"{wording.number(tally.quarantined, 'line')} unreadable")
    if left_out:
        facts.append(f"{wording.number(left_out, 'incident')} for which the model had no time")
    if live.folded:
        facts.append(f"{wording.number(live.folded, 'rarer incident')} not kept")
    rows = ["", "; ".join(facts)]
    rows += [f"  {one_line(incident, color=color_wanted())}" for incident in incidents[:SUMMED]]
    if len(incidents) > SUMMED:
        rows.append(f"  and {len(incidents) - SUMMED:,} more")
    return "\n".join((*rows, "")).encode("utf-8", "replace")


def _write(data: bytes) -> None:
    if data:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextmanager
def _stopped() -> Iterator[list[int]]:
    """A list that gets the signal that asks to stop, so that the reading ends between two lines. A second one ends at
    once, as without us."""
    got: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: FrameType | None) -> None:
        got.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, stop)
    try:
        yield got
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

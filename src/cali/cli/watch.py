"""`cali watch`: prints the incidents in a live stream, one line for each."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
import orjson

from cali.bootstrap.local import LocalParts
from cali.cli import color_wanted, options
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.report import wording
from cali.report.json import one_json_line
from cali.report.terminal import one_line
from cali.report.wording import has_cause
from cali.usecases.watch_stream import GRACE, News, StreamWatcher, follow

SUMMED = 20  # maximum incidents in the summary


@click.command("watch")
@click.argument("sources", metavar="[FILE...|-]", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output format: a line of text or a JSON object for each new incident or update.",
)
@click.option("--from-start", is_flag=True, help="Read files from the beginning instead of the end.")
@click.option(
    "--state",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Store incidents in this SQLite file. After a restart, stored incidents are not reported as new.",
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
    """Print each new incident in a live stream as one line, with its cause if it is known.

    The command follows growing files across rotation and truncation, and waits for files that do not exist yet. Without
    FILE it reads standard input, for example from `kubectl logs -f`. An update is printed for a burst, a higher severity,
    a regression, or a model's answer. A summary follows at the end of input. Ctrl-C also prints it, with exit code 130.
    """
    chosen = settings.read(os.environ)
    parts = LocalParts(chosen, ask_model=not no_model)
    tail, live, background = parts.watch(sources or ("-",), from_start, state, book_path)
    for name in tail.missing:
        click.echo(f"cali: waiting for {name}", err=True)
    with _stopped() as stopped:
        follow(tail, live, background, _shown(form), stopped, chosen.model_timeout + GRACE)
    tail.close()
    if live.tally.lines == 0 and not stopped:
        raise Misconfigured("standard input: empty; pipe logs into it, or give a FILE")
    _write(_summary(live, form, background.left_out if background else 0))
    return 128 + stopped[0] if stopped else 0


def _shown(form: str) -> Callable[[list[News]], None]:
    """Return a function that writes news and flushes, so that a pipe gets them immediately."""
    color = color_wanted()

    def line(news: News) -> bytes:
        if form == "json":
            return one_json_line(news.incident, change=news.what)
        text = one_line(news.incident, color=color)
        return (text if news.what == "opened" else f"  {news.what}: {text}").encode(
            "utf-8", "replace"
        ) + b"\n"

    return lambda news: _write(b"".join(map(line, news)))


def _summary(live: StreamWatcher, form: str, left_out: int) -> bytes:
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
        facts.append(f"the latest of {live.opened:,} new incidents")
    if tally.quarantined:
        facts.append(f"{wording.number(tally.quarantined, 'line')} unreadable")
    if left_out:
        facts.append(f"{wording.number(left_out, 'incident')} not sent to the model for lack of time")
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
    """Yield a list that gets the first SIGINT or SIGTERM, so reading stops between two lines.

    A second signal ends the process at once.
    """
    signals: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, stop)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

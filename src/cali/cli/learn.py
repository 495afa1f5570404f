"""`cali learn`: learns a template book from logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from cali.bootstrap.local import read_lines
from cali.cli import check_folder, with_progress
from cali.stages.decode import Decoder
from cali.stages.refine import book
from cali.stages.refine.refiner import Refiner
from cali.usecases.pipeline import Pipeline, Tally


@click.command("learn")
@click.argument("sources", metavar="FILE...", nargs=-1, required=True)
@click.option("--out", "out", metavar="BOOK", type=Path, required=True, help="File to write the book to.")
@click.option(
    "--merge",
    "others",
    metavar="BOOK",
    type=Path,
    multiple=True,
    help="Another book to merge in. Can be repeated.",
)
def command(sources: tuple[str, ...], out: Path, others: tuple[Path, ...]) -> None:
    """Learn from logs which parameters look like words, and write them to a template book.

    The order of the input does not matter. Merging books gives the same result as learning from all their inputs.
    Use the book with `cali refine --book BOOK`.
    """
    check_folder(out)
    refiner = Refiner()
    tally = Tally()
    learnt = book.learn(refiner.masks.version, _texts(sources, refiner, tally))
    for other in others:
        learnt = book.merge(learnt, book.load(other, refiner.masks.version))
    book.save(learnt, out)
    click.echo(f"{out}: {len(learnt.merges):,} merges learnt from {tally.events:,} events", err=True)


def _texts(sources: Iterable[str], refiner: Refiner, tally: Tally) -> Iterator[str]:
    """Yield the text of every event's template. `book.learn` reads it as a stream and keeps a sample."""
    for source in sources:
        lines = with_progress(read_lines(source))
        for event in Pipeline(Decoder(), refiner, tally=tally).events(lines):
            yield event.template.text

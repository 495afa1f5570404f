"""`python -m tests.prove`: inject faults into the local cloud for ten minutes, and show that nothing is lost. See
docs/proof.md."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import click

from tests.cloud.__main__ import Teller, ended
from tests.cloud.project import missing
from tests.prove.judge import Ran, promises
from tests.prove.plan import KINDS, planned
from tests.prove.report import page
from tests.prove.run import prove

OUT = Path("out/prove")
_NAMES = "\n".join(f"  {name:<18} {kind.what}" for name, kind in KINDS.items())


@click.command("prove", help=f"Break the local cloud at random, and show what came of every record.\n\n\b\nFaults:\n{_NAMES}")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=5), default=600, show_default=True, help="How long lines come.")  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(min=1), default=500, show_default=True, help="Lines per second."
)
@click.option("--faults", "count", type=click.IntRange(min=0), default=30, show_default=True)
@click.option("--fault", "only", multiple=True, metavar="NAME", help="Only this kind of fault; may be given several times.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same logs and faults.")  # fmt: skip
@click.option("--short", is_flag=True, help="25 seconds at 200 lines a second with 4 faults.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=OUT, show_default=True)
def main(
    seconds: float, rate: float, count: int, only: tuple[str, ...], seed: int, short: bool, out: Path
) -> None:
    if short:
        seconds, rate, count = 25.0, 200.0, 4
    lacking = missing()
    if lacking:
        raise click.ClickException(lacking)
    plan = planned(seed, seconds, count, only)
    ran = replace(prove(seconds, rate, seed, plan, Teller()), only=only)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{time.strftime('%Y%m%d-%H%M%S')}-seed{seed}.html"
    path.write_text(page(ran), "utf-8")
    click.echo("\n".join([*ran.summary.lines(), "", *told(ran), "", str(path)]))
    if not all(promise.kept for promise in promises(ran)):
        raise SystemExit(1)


def told(ran: Ran) -> list[str]:
    """Yield the promises as lines for a terminal."""
    return [f"{'kept  ' if one.kept else 'BROKEN'} {one.name}: {one.said}" for one in promises(ran)]


if __name__ == "__main__":
    sys.exit(ended(main))

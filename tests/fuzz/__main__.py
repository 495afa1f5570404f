"""`python -m tests.fuzz`: give damaged input to everything that reads input. See docs/proof.md."""

from __future__ import annotations

import faulthandler
import sys

import click

from tests.fuzz.files import FILES
from tests.fuzz.loop import Result, fuzz, lines
from tests.fuzz.targets import STAGES

TARGETS = {**STAGES, **FILES}


@click.command("fuzz", help=f"Fuzz what reads input.\n\n\b\nTargets: {', '.join(TARGETS)}")
@click.option("--seconds", type=click.FloatRange(min=1), default=60, show_default=True, help="For each target.")  # fmt: skip
@click.option("--target", "names", multiple=True, metavar="NAME", help="Only this one; may be given several times.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--keep/--no-keep", default=True, show_default=True, help="Write what is new into tests/fuzz/corpus.")  # fmt: skip
def main(seconds: float, names: tuple[str, ...], seed: int, keep: bool) -> None:
    unknown = sorted(set(names) - TARGETS.keys())
    if unknown:
        raise click.ClickException(f"unknown target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    results: list[Result] = []
    for name in names or TARGETS:
        faulthandler.dump_traceback_later(seconds + 120, exit=True)  # C code that no signal interrupts
        results.append(fuzz(name, TARGETS[name], seconds, seed, keep))
        faulthandler.cancel_dump_traceback_later()
        click.echo("\n".join(lines(results[-1:])))
    if not all(one.fine for one in results):
        raise SystemExit(1)


if __name__ == "__main__":
    try:
        main.main(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)

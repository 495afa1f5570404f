"""`python -m tests.cloud`: run CALI's AWS side on this machine, and inject faults. See docs/local-cloud.md."""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import replace
from types import FrameType

import click

from cali.core.errors import CaliError
from tests.cloud.cloud import Cloud, Options
from tests.cloud.deploy import DeployError
from tests.cloud.faults import FAULTS, chosen
from tests.cloud.observe import Summary, differences
from tests.cloud.project import missing

_NAMES = "\n".join(f"  {name:<18} {what}" for name, what in FAULTS.items())


@click.command("cloud", help=f"Run CALI's functions as deployed, on this machine.\n\n\b\nFaults:\n{_NAMES}")
@click.option("--lines", type=click.IntRange(min=1), help="Lines to simulate.  [default: 5000]")
@click.option("--seconds", type=click.FloatRange(min=1), help="Stream for so long instead, at --rate.")
@click.option("--rate", type=click.FloatRange(min=0), default=200, show_default=True, help="Lines per second; 0 is as fast as it goes.")  # fmt: skip
@click.option("--shards", type=click.IntRange(1, 8), default=2, show_default=True)
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Break something; may be given several times, or `all`.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same logs.")
@click.option("--compare", is_flag=True, help="Run without faults first, and say what the faults changed.")
@click.option("--no-firehose", is_flag=True, help="Leave out S3 raw/ and OpenSearch.")
def main(
    lines: int | None,
    seconds: float | None,
    rate: float,
    shards: int,
    faults: tuple[str, ...],
    seed: int,
    compare: bool,
    no_firehose: bool,
) -> None:
    names = chosen([name for given in faults for name in given.replace(",", " ").split() if name != "all"])
    if any("all" in given.split(",") for given in faults):
        names = frozenset(FAULTS)
    lacking = missing()
    if lacking:
        raise click.ClickException(lacking)
    if lines is None:
        lines = int(seconds * rate) if seconds and rate else 5_000
    options = Options(lines, shards, names, rate, seed, start=time.time(), firehose=not no_firehose)
    said = []
    if compare:
        said = differences(_run(replace(options, faults=())), summary := _run(options))
        click.echo("\n".join(said) or "no fault left a trace")
    else:
        summary = _run(options)
    lost = summary.unread or summary.dropped or summary.waiting
    lost = lost or len(summary.quarantined) != summary.poison
    if said or summary.twice or lost:
        raise SystemExit(1)


def _run(options: Options) -> Summary:
    say = Teller()
    with Cloud(options, say) as cloud:
        summary = cloud.run()
        say("done; clearing away")
    click.echo("\n".join(summary.lines()))
    return summary


class Teller:
    """A printer of one line at a time from any thread, with the seconds since the start."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        with self._lock:
            click.echo(f"{time.monotonic() - self._begun:7.1f} {line}")


def _stop(signum: int, frame: FrameType | None) -> None:
    """End as Ctrl-C does. A second signal, such as that of make, must not interrupt the removal of processes."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def ended(command: click.Command) -> int:
    """Run a command and return its exit code: 2 with one line for an error, 130 if it was interrupted."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        return int(command.main(standalone_mode=False) or 0)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except click.ClickException as error:
        error.show()
    except (CaliError, DeployError, RuntimeError) as error:
        click.echo(f"cali: {error}", err=True)
    return 2


if __name__ == "__main__":
    sys.exit(ended(main))

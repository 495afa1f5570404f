"""`cali worker`: runs the work of the Lambda functions in one long-lived process, for clusters and hosts."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from pathlib import Path

import click

from cali.bootstrap.worker import JOBS, build_job
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.usecases.run_jobs import run_jobs


@click.command("worker")
@click.option(
    "--do",
    "jobs",
    type=click.Choice(JOBS),
    multiple=True,
    help="Run only this job. Can be repeated.  [default: all four]",
)
@click.option(
    "--alive",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to touch while every job makes progress, for a liveness probe.",
)
def command(jobs: tuple[str, ...], alive: Path | None) -> int:
    """Run the work of the Lambda functions in one process: read the streams, find and explain incidents, send alerts.

    The worker reads CALI_LOGS_STREAM and CALI_INCIDENTS_STREAM on AWS. It stores its checkpoints in
    CALI_INCIDENTS_TABLE. It can run beside the functions: effects are idempotent. SIGTERM stops it after the current
    batch.
    """
    if alive is not None and not alive.parent.is_dir():
        raise Misconfigured(f"--alive {alive}: {alive.parent} is not a directory")
    chosen = settings.read(os.environ)
    chosen.need("logs_stream", "incidents_stream", "incidents_table", "logs_bucket")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run_jobs(
        {job: partial(build_job, job, chosen, _say) for job in jobs or JOBS},
        stop,
        _say,
        alive.touch if alive is not None else None,
    )
    return 0


def _say(line: str) -> None:
    click.echo(f"cali: {' '.join(line.split())}", err=True)

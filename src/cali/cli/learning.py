"""`cali learning`: runs the nightly jobs from a terminal, on AWS or on a local folder."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cali.core.errors import Misconfigured
from cali.usecases.learn import JOBS, run, status

if TYPE_CHECKING:
    from cali.usecases.learn import LearnContext

DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CALI_DATA",
    show_envvar=True,
    help="Local folder with the layout of the logs bucket. Default: the bucket and the table in the settings.",
)


def parts(data: Path | None) -> LearnContext:
    """Return the context of the learning jobs, on a folder or on AWS."""
    from cali.bootstrap.learning import learning

    if data is not None and not data.is_dir():
        raise Misconfigured(f"--data {data}: not a folder")
    return learning(data=data)


@click.group("learning")
def command() -> None:
    """Run the nightly jobs: learn errors and templates, apply feedback, reindex, delete old data, report."""


@command.command("run")
@click.argument("job", type=click.Choice(list(JOBS)))
@click.option("--step", help="Run only this step. The steps before it must have run.")
@click.option(
    "--day",
    metavar="DAY",
    help="Day of the errors, lines and feedback to learn from, such as 2026-11-20 (UTC). [default: yesterday]",
)
@DATA
def run_job(job: str, step: str | None, day: str | None, data: Path | None) -> None:
    """Run the steps of JOB for a day, and print one line of JSON for each step.

    A step whose input has not changed is not run again. Its stored result has `"again": true`.
    """
    made = parts(data)
    wanted = day_of(day)
    for name in [step] if step else JOBS[job]:
        said = run(job, name, wanted, made)
        click.echo(
            json.dumps({"job": job, "step": name, "day": wanted.isoformat(), **said}, ensure_ascii=False)
        )


@command.command("status")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=7,
    show_default=True,
    help="Number of days to show for each job.",
)
@DATA
def show_status(last: int, data: Path | None) -> None:
    """Show the completed steps of each job and day, and the releases in force."""
    made = parts(data)
    for job, days in status(made).items():
        click.echo(job)
        for day in sorted(days, reverse=True)[:last]:
            missing = [step for step in JOBS[job] if step not in days[day]]
            left = f"   not yet: {', '.join(missing)}" if missing else ""
            click.echo(f"  {day}  {', '.join(days[day])}{left}")
        if not days:
            click.echo("  has not run")
    now = made.releases.current()
    click.echo(f"knowledge {now.versions.knowledge or 'as shipped'}, book {now.versions.book or 'none'}")


def day_of(text: str | None) -> date:
    """Parse a day such as 2026-11-20. Return yesterday (UTC) if the text is None."""
    if text is None:
        return datetime.now(UTC).date() - timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{text!r} is not a day; write it like 2026-11-20") from error

"""`cali doctor`: checks what is configured, reachable and deployed."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

import click

from cali.bootstrap.doctor import CONFIG, configured_context
from cali.cli import options
from cali.doctor import CheckResult, State, diagnose_system
from cali.report.json import printed
from cali.report.wording import visible


@click.command("doctor")
@click.option(
    "--stage",
    metavar="NAME",
    help="Look at the functions of this stage, against what was declared for it.  [default: CALI_STAGE, on AWS]",
)
@click.option("--offline", is_flag=True, help="Look at this machine only; nothing is sent anywhere.")
@click.option(
    "--state",
    metavar="FILE",
    type=Path,
    envvar="CALI_STATE",
    show_envvar=True,
    help="Look at this file of `cali watch --state` as well.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=Path,
    default=CONFIG,
    show_default=True,
    help="Where the settings of the stages are declared.",
)
@options.text_or_json
def command(stage: str | None, offline: bool, state: Path | None, config: Path, form: str) -> int:
    """Look at what is configured, reachable and deployed, and at what differs from what was declared.

    One line each: ok, warn or fail, what was looked at, what was seen, and what to do about it. Nothing is changed, no model
    is asked, no message is sent, and no secret is shown. Exit code 1 if anything failed. With nothing configured only this
    machine is looked at. Settings are those of the environment; with --stage, over those declared for that stage.
    """
    context, faults = configured_context(os.environ, stage, config, state)
    results = []
    for result in chain(faults, diagnose_system(context, offline=offline)):
        results.append(result)
        if form == "text":  # at once: some checks take seconds
            click.echo(shown(result))
    counts = {state.value: sum(result.state is state for result in results) for state in State}
    if form == "json":
        rows = [{**result._asdict(), "state": result.state.value} for result in results]
        click.echo(printed({"findings": rows, "summary": counts}), nl=False)
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items()))
    return int(any(result.state is State.FAIL for result in results))


def shown(result: CheckResult) -> str:
    """Return a result on one line."""
    line = f"{result.state.value:4}  {result.what:14}  {visible(result.detail)}"
    return f"{line}  -> {result.then}" if result.then else line

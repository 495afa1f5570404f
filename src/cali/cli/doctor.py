"""`cali doctor`: checks the configuration, the servers and the deployment."""

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
    help="Compare the deployed functions of this stage with its declaration.  [default: CALI_STAGE, on AWS]",
)
@click.option("--offline", is_flag=True, help="Check this machine only, without network requests.")
@click.option(
    "--state",
    metavar="FILE",
    type=Path,
    envvar="CALI_STATE",
    show_envvar=True,
    help="Also check this SQLite file of `cali watch --state`.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=Path,
    default=CONFIG,
    show_default=True,
    help="Chalice configuration file that declares the settings of the stages.",
)
@options.text_or_json
def command(stage: str | None, offline: bool, state: Path | None, config: Path, form: str) -> int:
    """Check the configuration, the servers and the deployment, and report each difference from the declaration.

    Each check prints one line: ok, warn or fail, what was checked, what was found, and how to fix it. Nothing is changed,
    no model is called, no message is sent, and no secret is shown. Exit code 1 if a check failed. Without configuration,
    only this machine is checked. Settings come from the environment. With --stage, they override those declared for it.
    """
    context, faults = configured_context(os.environ, stage, config, state)
    results = []
    for result in chain(faults, diagnose_system(context, offline=offline)):
        results.append(result)
        if form == "text":  # print each result immediately: some checks take seconds
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

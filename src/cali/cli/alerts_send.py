"""`cali alerts send`: sends the alerts of an incidents file, where no alert function runs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cali.bootstrap.local_alerts import alert_sender
from cali.cli import clock
from cali.core import settings
from cali.core.errors import Retryable
from cali.usecases.send_unsent import SendResult


@click.command("send")
@click.argument("rules", type=click.Path(path_type=Path))
@click.option(
    "--state",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CALI_STATE",
    show_envvar=True,
    required=True,
    help="SQLite file of incidents, written by `cali watch --state`.",
)
@click.option(
    "--secrets",
    metavar="PATH",
    type=click.Path(path_type=Path),
    envvar="CALI_ALERT_SECRETS",
    show_envvar=True,
    help='JSON file with the secrets of the sinks, such as {"bot_token": "xoxb-..."}. Make it readable only by you.',
)
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=1.0),
    help="Run until Ctrl-C, and check for changes at this interval. Without it, check once.",
)
@click.pass_context
def send(context: click.Context, rules: Path, state: Path, secrets: Path | None, every: float | None) -> None:
    """Send alerts about changed incidents, as the alert function does on AWS.

    RULES is the YAML file of alert rules. It is read once, at the start. The command sends the changes that
    `cali watch --state` and `cali incidents` made since the last run. It also updates counts, retries failed messages, and
    sends alerts that quiet hours delayed. Run it beside `cali watch` with `--every 5`, or from cron each minute. Each
    message is sent once, even if several processes run.
    """
    time = clock(context)
    run = alert_sender(settings.read(os.environ), rules, state, secrets, time.now, time.sleep, _warn)
    while True:
        try:
            result = run()
        except Retryable as error:
            if every is None:
                raise
            _warn(str(error))
            result = SendResult()
        if every is None or result != SendResult():
            click.echo(
                f"{result.handled} changes heard, {result.sent} messages sent or changed, {result.later} wait"
            )
        if every is None:
            return
        time.sleep(every)


def _warn(line: str) -> None:
    click.echo(f"cali: {' '.join(line.split())}", err=True)

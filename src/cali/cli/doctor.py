"""`cali doctor`: what is configured, reachable, deployed, and differs from what was declared."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from cali.adapters.aws import clients as aws
from cali.core import settings
from cali.core.errors import Misconfigured
from cali.doctor import Finding, State, World, examine
from cali.doctor.finding import Check, fail, ok
from cali.report.json import printed
from cali.report.wording import visible

CONFIG = Path(".chalice/config.json")


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
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print.",
)
def command(stage: str | None, offline: bool, state: Path | None, config: Path, form: str) -> int:
    """Look at what is configured, reachable and deployed, and at what differs from what was declared.

    One line each: ok, warn or fail, what was looked at, what was seen, and what to do about it. Nothing is changed, no model
    is asked, no message is sent, and no secret is shown. Exit code 1 if anything failed. With nothing configured only this
    machine is looked at. Settings are those of the environment; with --stage, over those declared for that stage.
    """
    declared = _declared(config, stage)
    environ = {**(declared or {}).get("environment_variables", {}), **os.environ}
    chosen, first = _settings(environ)
    world = World(
        settings=chosen,
        client=aws.client,
        now=time.time,
        environ=environ,
        stage=stage or (chosen.stage if chosen.logs_stream else ""),
        declared=declared if stage else _declared(config, chosen.stage if chosen.logs_stream else None),
        state=state,
    )
    found = list(_looked(world, first, offline, form))
    if form == "json":
        summary = {each.value: sum(one.state is each for one in found) for each in State}
        rows = [{**one._asdict(), "state": one.state.value} for one in found]
        click.echo(printed({"findings": rows, "summary": summary}), nl=False)
    else:
        counts = [f"{sum(one.state is each for one in found)} {each.value}" for each in State]
        click.echo(", ".join(counts))
    return int(any(one.state is State.FAIL for one in found))


def _settings(environ: Mapping[str, str]) -> tuple[settings.Settings, list[Finding]]:
    """The settings, and a finding for each variable whose value cannot be used; it has its default then."""
    usable, faults = dict(environ), list[Finding]()
    while True:
        try:
            return settings.read(usable), faults
        except Misconfigured as error:
            name = str(error).partition(":")[0]
            faults.append(
                fail("settings", str(error), "correct that variable; the rest is looked at without it")
            )
            if usable.pop(name, None) is None:
                return settings.Settings(), faults


def _looked(world: World, first: Iterable[Finding], offline: bool, form: str) -> Iterable[Finding]:
    """The findings, each shown when it is there: some checks take seconds."""
    for finding in _all(world, first, offline):
        if form == "text":
            click.echo(shown(finding))
        yield finding


def _all(world: World, first: Iterable[Finding], offline: bool) -> Iterable[Finding]:
    from cali.doctor import embedded

    yield from first
    yield from examine(embedded.CHECKS, world)
    if offline:
        yield ok("network", "not looked at: --offline")
        return
    on_aws = world.on_aws or bool(world.stage)
    if on_aws:
        yield from _aws(world)
    if not (on_aws or _has_servers(world)):
        yield ok("network", "nothing beyond this machine is configured: no model, no server, nothing on AWS")
        return
    from cali.doctor import reach

    yield from examine(reach.CHECKS, world)
    if not on_aws:
        yield ok("aws", "nothing on AWS is configured; --stage NAME looks at a deployed stage")


def _aws(world: World) -> Iterable[Finding]:
    from cali.doctor import account, deployed, health

    who = list(examine([account.credentials], world))
    if any(one.state is not State.OK for one in who):
        then = "set AWS_PROFILE or the keys and AWS_REGION, see docs/access.md; nothing else on AWS was looked at"
        yield from (one._replace(then=then) for one in who)
        return
    yield from who
    checks: list[Check] = [*account.CHECKS, *deployed.CHECKS, *health.CHECKS]
    yield from examine(checks, world)


def _has_servers(world: World) -> bool:
    wanted = world.settings
    named = (
        wanted.openai_api_key,
        wanted.openai_base_url,
        wanted.openai_secret,
        wanted.milvus_uri,
        wanted.slack_secret,
    )
    return any(named)


def shown(finding: Finding) -> str:
    """A finding on one line."""
    line = f"{finding.state.value:4}  {finding.what:14}  {visible(finding.detail)}"
    return f"{line}  -> {finding.then}" if finding.then else line


def _declared(config: Path, stage: str | None) -> Mapping[str, Any] | None:
    """What was declared for a stage; None when nothing was. A file that was named and cannot be read is Misconfigured."""
    if stage is None:
        return None
    try:
        held = json.loads(config.read_text("utf-8"))
        section = held.get("stages", {}).get(stage)
    except FileNotFoundError:
        if config != CONFIG:
            raise Misconfigured(f"--config {config}: not there") from None
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise Misconfigured(f"--config {config}: cannot be read: {error}") from error
    if section is not None:
        _check(section, f"--config {config}: stage {stage}")
    return section  # type: ignore[no-any-return]


def _check(section: Any, where: str) -> None:
    """That the checks can read a section: Chalice itself takes only objects, and text for variables."""
    if not isinstance(section, dict):
        raise Misconfigured(f"{where}: not an object")
    functions = section.get("lambda_functions", {})
    for name, held in {
        "lambda_functions": functions,
        **(functions if isinstance(functions, dict) else {}),
    }.items():
        if not isinstance(held, dict):
            raise Misconfigured(f"{where}: {name}: not an object")
    for each in (section, *functions.values()):
        variables = each.get("environment_variables", {})
        if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
            raise Misconfigured(f"{where}: environment_variables: not an object of texts")

"""The installation that Chalice deploys: its name, and whether its stage is ready to be deployed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from cali.core.event_sources import APP

PROJECT = Path(__file__).parents[1]
LOCAL = "local"  # the stage of the local cloud
DEPLOYING = ("deploy", "package")  # the commands of Chalice that need the whole stage


def name(project: Path = PROJECT) -> str:
    """Return `app_name` of Chalice's configuration. The package on Lambda has no such file and does not use the name."""
    return str(_config(project).get("app_name", APP))


def refuse_unready(project: Path = PROJECT) -> None:
    """End `chalice deploy` and `chalice package` with one line and exit code 2 if the stage is not ready.

    Chalice imports app.py before it calls AWS, with AWS_CHALICE_CLI_MODE set. On Lambda and in tests this does nothing.
    """
    if os.environ.get("AWS_CHALICE_CLI_MODE") != "true":
        return
    import click  # Chalice's command line is built on it; the functions do not have it

    context = click.get_current_context(silent=True)
    if context is None or context.info_name not in DEPLOYING:
        return
    stage = str(context.params.get("stage"))
    if why := unready(project, stage, local_cloud=bool(os.environ.get("AWS_ENDPOINT_URL"))):
        sys.stderr.write(f"cali: {why}\n")
        sys.exit(2)


def unready(project: Path, stage: str, *, local_cloud: bool) -> str:
    """Return why a stage cannot be deployed, and what to run, in one line; empty if it can."""
    section = _config(project).get("stages", {}).get(stage, {})
    if stage == LOCAL and not local_cloud:
        return f"stage {LOCAL!r} belongs to the local cloud; run `make cloud-local`, or `make deploy STAGE=dev` for AWS"
    if not section.get("environment_variables", {}).get("CALI_STAGE"):
        why = f"stage {stage!r} is not configured in .chalice/config.json"
    elif not section.get("layers"):
        why = f"stage {stage!r} has no layer with the dependencies"
    elif not (project / "vendor" / "cali" / "__init__.py").exists():
        why = "the sources of the functions are not staged in chalice_app/vendor/cali"
    else:
        return ""
    return f"{why}; run `make deploy STAGE={stage}` in the root of the repository"


def _config(project: Path) -> dict[str, Any]:
    try:
        held: dict[str, Any] = json.loads((project / ".chalice" / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return held

"""CALI's own Chalice project in the emulated account: from Terraform's outputs to deployed functions."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cali_ops import functions
from tests.cloud import models
from tests.cloud.aws import BUCKET, INCIDENTS, LOGS, Account, role_arn
from tests.cloud.deploy import STAGE, chalice, run
from tests.cloud.processes import ROOT

APP = "cali"
TABLE_NAME = "cali-incidents"
FUNCTIONS = ("analyze", "diagnose", "alert", "enrich", "sweep", "api")
ALERT_RULES = "config/alerts.yaml"
# One message per incident even for many at once. The comparison is about who was alerted, not about the digest that
# lists them.
RULES = b"""\
routes: [{send: [slack_webhook]}]
storm: {incidents: 100000, seconds: 60}
"""
SIGNING_SECRET = "local-signing-secret"


@dataclass(frozen=True, slots=True)
class Place:
    """The addresses of the fakes."""

    milvus: str
    model: str
    slack: str
    settle: float  # seconds that analyze waits for the rest of an event


def secrets(webhook: str) -> dict[str, str]:
    """Return the secrets that people put into Secrets Manager."""
    held: Mapping[str, Mapping[str, str]] = {
        "slack": {"webhook_url": webhook, "signing_secret": SIGNING_SECRET},
        "openai": {"api_key": models.KEY},
        "milvus": {"token": "local:local"},
    }
    return {f"{APP}/{name}": json.dumps(value) for name, value in held.items()}


def outputs(place: Place) -> dict[str, Any]:
    """Return Terraform's output `chalice` for this account."""
    return {
        "app_name": APP,
        "stage": STAGE,
        "role_arns": {name: role_arn(name) for name in FUNCTIONS},
        "subnet_ids": ["subnet-00000000"],
        "security_group_ids": ["sg-00000000"],
        "logs_stream": LOGS,
        "incidents_stream": INCIDENTS,
        "incidents_table": TABLE_NAME,
        "bucket": BUCKET,
        "failure_destination": f"arn:aws:s3:::{BUCKET}",
        "milvus_uri": place.milvus,
        "secrets": {name: f"{APP}/{name}" for name in ("slack", "openai", "milvus")},
        "model_dollars_per_day": 5,
        "cluster": "local",
        "model": models.NAME,
        "openai_base_url": place.model,
        "alert_rules": ALERT_RULES,
        "settle": place.settle,
    }


def copied(home: Path) -> Path:
    """Copy the project to deploy from, so that nothing is written into the repository."""
    project = home / "chalice_app"
    shutil.copytree(
        ROOT / "chalice_app", project, ignore=shutil.ignore_patterns(".chalice", "vendor", "__pycache__")
    )
    shutil.copytree(
        ROOT / ".chalice",
        project / ".chalice",
        ignore=shutil.ignore_patterns("deployed", "deployments", "venv"),
    )
    functions.stage(project / "vendor" / "cali")
    return project


def deploy(account: Account, home: Path, place: Place, say: Callable[[str], None]) -> dict[str, str]:
    """Deploy, apply the settings of the event sources, and return each function's deployed name."""
    project = copied(home)
    layer = account.publish_layer("cali-dependencies", layer_zip().read_bytes())
    written = home / "terraform-outputs.json"
    written.write_text(json.dumps({"chalice": {"value": outputs(place)}}))
    fill = ["--stage", STAGE, "--outputs", str(written), "--layer", layer]
    fill += ["--config", str(project / ".chalice" / "config.json")]
    run([sys.executable, "-m", "cali_ops.chalice_config", *fill], account, ROOT)
    chalice(account, project, "deploy")
    say("\n".join(f"  {line}" for line in event_sources(account, "apply").splitlines()))
    names = {name: f"{APP}-{STAGE}-{name}" for name in FUNCTIONS}
    names["api"] = f"{APP}-{STAGE}"  # Chalice's name of the function behind its routes
    return names


def event_sources(account: Account, command: str) -> str:
    """Return the output of `python -m cali_ops.event_sources COMMAND`. Raise DeployError if it fails."""
    return run([sys.executable, "-m", "cali_ops.event_sources", command, "--stage", STAGE], account, ROOT)


def missing() -> str:
    """Return the missing prerequisites of a deployment in one text; empty if there are none."""
    for needed, how in (
        (ROOT / "chalice_app" / "app.py", "it comes with the repository"),
        (ROOT / ".chalice" / "config.json", "it comes with the repository"),
        (layer_zip(), "`make layer` builds it"),
    ):
        if not needed.exists():
            return f"{needed.relative_to(ROOT) if needed.is_relative_to(ROOT) else needed} is missing: {how}"
    return ""


def layer_zip() -> Path:
    return ROOT / "layers" / "build" / "layer.zip"

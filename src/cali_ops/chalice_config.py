"""Generator of `.chalice/config.json`: the settings of the functions, with the names of Terraform's resources.

    python -m cali_ops outputs > terraform-outputs.json
    python -m cali_ops.chalice_config --stage dev --outputs terraform-outputs.json --layer ARN
    python -m cali_ops.chalice_config --stage local

It writes one stage and leaves the others unchanged. Do not edit the file; change the table below. It also deletes
compiled files in src/cali, because Chalice would package them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cali.adapters.aws import clients as aws
from cali.core.errors import CaliError, Misconfigured
from cali.core.event_sources import APP, INCIDENTS, LOGS, SOURCES
from cali_ops import concurrency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cali_ops.calls import Clients

CONFIG = Path(".chalice/config.json")
TABLE = "cali-incidents"
LOCAL_ACCOUNT = "000000000000"  # account of the local cloud


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `name` is its name in Chalice; `role` is its key in Terraform's map of roles. Lambda scales CPU
    with memory: 1,769 MB buy one full core."""

    name: str
    role: str
    memory: int
    timeout: int
    reserved: int | None = None  # reserved concurrency, which is also the maximum
    in_vpc: bool = False


FUNCTIONS = (
    Function("analyze", "analyze", memory=1769, timeout=60),
    # Only diagnose connects to Milvus, so only diagnose is in the VPC. It has a concurrency of its own, so a slow
    # model does not slow down the other functions.
    Function("diagnose", "diagnose", memory=1024, timeout=120, reserved=10, in_vpc=True),
    Function("alert", "alert", memory=512, timeout=60, reserved=5),
    Function("enrich", "enrich", memory=1024, timeout=60),
    Function("sweep", "sweep", memory=512, timeout=55, reserved=1),
    Function("api_handler", "api", memory=256, timeout=10),
)
OUTPUT = "chalice"  # Terraform's output with these values
NEEDED = (
    "role_arns", "subnet_ids", "security_group_ids", "logs_stream", "incidents_stream", "incidents_table", "bucket",
)  # fmt: skip
SETTINGS = (  # environment variables from Terraform's variable `settings`, under the names of settings.py
    "alert_from", "alert_rules", "alert_wait", "calls_per_day", "console_url", "embedder", "embedding_model", "embedding_size",
    "firehose_drop_below", "language", "model", "model_timeout", "openai_base_url", "quiet_after", "settle", "slack_channel",
)  # fmt: skip
OPTIONAL = {  # value of the output -> environment variable
    "cluster": "CALI_CLUSTER",
    "milvus_uri": "CALI_MILVUS_URI",
    "model_dollars_per_day": "CALI_DOLLARS_PER_DAY",
    **{name: f"CALI_{name.upper()}" for name in SETTINGS},
}
# Name of a Secrets Manager secret in the output -> environment variable. The Slack secret holds all keys of alerts.
SECRETS = {"slack": "CALI_SLACK_SECRET", "openai": "CALI_OPENAI_SECRET", "milvus": "CALI_MILVUS_SECRET"}


def values(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of `chalice` in the output of `terraform output -json`. Raise Misconfigured with the names of
    all missing values."""
    output = outputs.get(OUTPUT)
    held = output.get("value") if isinstance(output, dict) else None
    if not isinstance(held, dict):
        raise Misconfigured(f"Terraform's outputs hold no {OUTPUT!r}; apply terraform/ first")
    roles = held.get("role_arns") or {}
    missing = [name for name in NEEDED if not held.get(name)]
    missing += [
        f"role_arns.{function.role}" for function in FUNCTIONS if roles and function.role not in roles
    ]
    if missing:
        raise Misconfigured(f"Terraform's output {OUTPUT!r} lacks {', '.join(missing)}")
    return dict(held)


def local() -> dict[str, Any]:
    """Return the outputs for the local cloud, which has no VPC."""
    role = f"arn:aws:iam::{LOCAL_ACCOUNT}:role/cali-app"
    return {
        "role_arns": {function.role: role for function in FUNCTIONS},
        "subnet_ids": [],
        "security_group_ids": [],
        "logs_stream": LOGS,
        "incidents_stream": INCIDENTS,
        "incidents_table": TABLE,
        "bucket": f"cali-logs-{LOCAL_ACCOUNT}",
        "cluster": "local",
    }


def stage(name: str, held: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section of one stage."""
    if held.get("stage", name) != name:
        raise Misconfigured(
            f"Terraform's roles are for stage {held['stage']!r}, not {name!r} (chalice_stage)"
        )
    app = application(held)
    for function, stream in (("analyze", held["logs_stream"]), ("alert", held["incidents_stream"])):
        if SOURCES[function].stream_of(app) != stream:
            raise Misconfigured(
                f"{function} of {app} reads {SOURCES[function].stream_of(app)}, Terraform made {stream}"
            )
    section: dict[str, Any] = {
        "api_gateway_endpoint_type": "REGIONAL",
        "api_gateway_stage": "api",
        "environment_variables": environment(name, held),
        "iam_role_arn": held["role_arns"]["api"],
        "lambda_functions": {function.name: _function(function, held) for function in FUNCTIONS},
        "manage_iam_role": False,
        "xray": name != "local",
    }
    if held.get("layer_arn"):
        section["layers"] = [held["layer_arn"]]
    return section


def environment(name: str, held: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that all functions of a stage share. They contain the names of secrets, never the values."""
    variables = {
        "CALI_STAGE": name,
        "CALI_LOGS_STREAM": held["logs_stream"],
        "CALI_INCIDENTS_STREAM": held["incidents_stream"],
        "CALI_INCIDENTS_TABLE": held["incidents_table"],
        "CALI_LOGS_BUCKET": held["bucket"],
        "CALI_BATCH_SIZE": str(SOURCES["analyze"].batch_size),
        "POWERTOOLS_SERVICE_NAME": APP,
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "CALI",
    }
    variables |= {
        variable: str(held[key]) for key, variable in OPTIONAL.items() if held.get(key) not in (None, "")
    }
    secrets = held.get("secrets") or {}
    variables |= {variable: secrets[key] for key, variable in SECRETS.items() if secrets.get(key)}
    return dict(sorted(variables.items()))


def _function(function: Function, held: Mapping[str, Any]) -> dict[str, Any]:
    section: dict[str, Any] = {
        "iam_role_arn": held["role_arns"][function.role],
        "lambda_memory_size": function.memory,
        "lambda_timeout": function.timeout,
        "manage_iam_role": False,
    }
    if function.reserved is not None and held.get("reserve_concurrency", True):
        section["reserved_concurrency"] = function.reserved
    if function.in_vpc and held["subnet_ids"]:
        section["subnet_ids"] = list(held["subnet_ids"])
        section["security_group_ids"] = list(held["security_group_ids"])
    return section


def fitted(held: dict[str, Any], name: str, clients: Clients) -> str:
    """Remove reservations that exceed the account's quota. Return the reason in one line, or an empty text if all
    fit."""
    wanted = sum(function.reserved or 0 for function in FUNCTIONS)
    reserving = [function for function in FUNCTIONS if function.reserved is not None]
    app = application(held)
    found = concurrency.read([f"{app}-{name}-{function.name}" for function in reserving], clients)
    if not held.get("reserve_concurrency", True) or found.has(wanted):
        return ""
    held["reserve_concurrency"] = False
    return found.refusal(wanted)


def application(held: Mapping[str, Any]) -> str:
    """Return the name of the installation, the prefix of every function's name."""
    return str(held.get("app_name") or APP)


def with_stage(
    config: Mapping[str, Any], name: str, section: Mapping[str, Any], app: str = APP
) -> dict[str, Any]:
    """Return the whole file with one stage replaced. app.py reads the installation's name from it during the
    deployment."""
    return {
        "version": "2.0",
        "app_name": app,
        "automatic_layer": False,
        "stages": dict(sorted({**config.get("stages", {}), name: section}.items())),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m cali_ops.chalice_config", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--stage", required=True)
    parser.add_argument("--outputs", type=Path, help="what `terraform output -json` printed; not for `local`")
    parser.add_argument("--layer", help="ARN of the dependency layer")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument(
        "--fit", action="store_true", help="reserve no concurrency that the account has no room for"
    )
    given = parser.parse_args(arguments)
    try:
        held = local() if given.stage == "local" and not given.outputs else values(_read(given.outputs))
        if given.layer:
            held["layer_arn"] = given.layer
        if given.fit and (why := fitted(held, given.stage, aws.client)):
            print(f"cali: {why}", file=sys.stderr)
        config = _read(given.config) if given.config.exists() else {}
        written = with_stage(config, given.stage, stage(given.stage, held), application(held))
    except CaliError as error:
        print(f"cali: {error}", file=sys.stderr)
        return 2
    drop_compiled()
    given.config.parent.mkdir(parents=True, exist_ok=True)
    given.config.write_text(json.dumps(written, indent=2) + "\n", "utf-8")
    print(f"{given.config}: stage {given.stage} written")
    return 0


def drop_compiled(source: Path = Path("src/cali")) -> None:
    """Delete the compiled Python files in a folder."""
    for folder in source.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        raise Misconfigured("--outputs is needed: python -m cali_ops outputs > terraform-outputs.json")
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path}: cannot be read: {error}") from error
    if not isinstance(held, dict):
        raise Misconfigured(f"{path}: not a JSON object")
    return held


if __name__ == "__main__":
    sys.exit(main())

"""Smoke test of a deployment: each function is ready and answers, and its event sources match their declaration.

    python -m cali_ops.smoke --stage dev        # one line per check; exit code 1 if a check fails

Functions with a stream are invoked with an empty batch, which imports all their modules and changes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cali.adapters.aws.event_mappings import Mappings
from cali.adapters.http.client import accepted, request
from cali.core.errors import CaliError, Misconfigured
from cali.core.event_sources import SOURCES
from cali_ops.deployed import RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

EMPTY: dict[str, dict[str, Any]] = {
    **{function: {"Records": []} for function in SOURCES},
    "enrich": {"invocationId": "smoke", "records": []},
}
WAIT = 60.0  # seconds in which a function must be ready
PAUSE = 2.0
TRIES = 5  # maximum bytes of the page


@dataclass(frozen=True, slots=True)
class SmokeFinding:
    """One check and its failure, which is empty if the check passed."""

    what: str
    wrong: str = ""

    def line(self) -> str:
        return f"{'fail' if self.wrong else 'ok  '} {self.what}{': ' + self.wrong if self.wrong else ''}"


@dataclass(frozen=True, slots=True)
class SmokeTools:
    """Access for the checks: the client of Lambda, a clock, and a reader of pages."""

    functions: Any
    sleep: Callable[[float], None] = time.sleep
    page: Callable[[str], str] = lambda url: _page(url)


def looked(record: dict[str, Any], mappings: Mappings, look: SmokeTools) -> Iterator[SmokeFinding]:
    """Return the result of each check of a deployment in Chalice's record."""
    for resource in record.get("resources", []):
        if resource.get("resource_type") == "lambda_function":
            name = str(resource["name"])
            yield SmokeFinding(
                f"function {name}", _ready(str(resource["lambda_arn"]), look) or _answers(resource, look)
            )
        elif resource.get("resource_type") == "rest_api":
            yield SmokeFinding("health", _healthy(str(resource["rest_api_url"]), look))
    yield SmokeFinding("event sources", "; ".join(map(str, mappings.verify())))


def _ready(arn: str, look: SmokeTools) -> str:
    state = ("", "")
    for _ in range(int(WAIT / PAUSE)):
        held = look.functions.get_function_configuration(FunctionName=arn)
        state = str(held.get("State", "Active")), str(held.get("LastUpdateStatus", "Successful"))
        if state == ("Active", "Successful"):
            return ""
        if "Failed" in state:
            break
        look.sleep(PAUSE)
    return f"not ready: {' and '.join(state)}"


def _answers(resource: dict[str, Any], look: SmokeTools) -> str:
    event = EMPTY.get(str(resource["name"]))
    if event is None:  # a function that a schedule or a request invokes
        return ""
    answer = look.functions.invoke(
        FunctionName=str(resource["lambda_arn"]), Payload=json.dumps(event).encode()
    )
    if "FunctionError" not in answer:
        return ""
    said = answer["Payload"].read().decode(errors="replace")
    return f"fails on an empty batch: {said[:300]}"


def _healthy(url: str, look: SmokeTools) -> str:
    wrong = ""
    for _ in range(TRIES):  # retry, because a failure here rolls back the deployment
        wrong = _unwell(url, look)
        if not wrong:
            break
        look.sleep(PAUSE)
    return wrong


def _unwell(url: str, look: SmokeTools) -> str:
    try:
        said = json.loads(look.page(f"{url.rstrip('/')}/health"))
    except (CaliError, ValueError) as error:
        return f"{url}: {error}"
    return "" if isinstance(said, dict) and said.get("status") == "ok" else f"{url}: says {str(said)[:300]}"


def _page(url: str) -> str:
    return accepted("health", request("health", "GET", url, None, {}, timeout=20.0)).body.decode()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m cali_ops.smoke", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--name", default="cali", help="the installation's name")
    given = parser.parse_args(arguments)
    try:
        seen = _run(given.stage, given.name)
    except CaliError as error:
        print(f"cali: {error}", file=sys.stderr)
        return 2
    print("\n".join(one.line() for one in seen))
    return 1 if any(one.wrong for one in seen) else 0


def _run(stage: str, name: str, folder: Path = RECORDS) -> list[SmokeFinding]:
    from cali.adapters.aws import clients as aws

    path = folder / f"{stage}.json"
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path}: cannot be read; was `make deploy` run? {error}") from error
    with aws.mapped_errors(f"stage {stage}"):
        account = aws.client("sts").get_caller_identity()["Account"]
        functions = aws.client("lambda")
        mappings = Mappings(functions, stage, f"{name}-logs-{account}", name)
        return list(looked(record, mappings, SmokeTools(functions)))


if __name__ == "__main__":
    sys.exit(main())

"""Command that applies the table of event sources after `chalice deploy`, and compares it with the deployed mappings.

    python -m cali_ops.event_sources apply  --stage dev        updates what differs; idempotent
    python -m cali_ops.event_sources verify --stage dev        one line for each difference, exit 1 if there is any

Chalice sets only the batch size and the window. It leaves the other settings unchanged when it deploys again.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cali.adapters.aws import clients as aws
from cali.adapters.aws.event_mappings import Mappings
from cali.core.errors import CaliError
from cali.core.event_sources import APP

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m cali_ops.event_sources", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("do", choices=["apply", "verify"])
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--name", default=APP, help="the installation's name")
    parser.add_argument("--bucket", help="of the failure destination; default: <name>-logs-<account>")
    given = parser.parse_args(arguments)
    try:
        return _run(given.do, given.stage, given.bucket, given.name)
    except CaliError as error:
        print(f"cali: {error}", file=sys.stderr)
        return 2


def _run(do: str, stage: str, bucket: str | None, name: str) -> int:
    with aws.mapped_errors("event sources"):
        if bucket is None:
            bucket = f"{name}-logs-{aws.client('sts').get_caller_identity()['Account']}"
        mappings = Mappings(aws.client("lambda"), stage, bucket, name)
        found = mappings.apply() if do == "apply" else mappings.verify()
    for difference in found:
        print(f"changed: {difference}" if do == "apply" else difference)
    if not found:
        print(f"event sources of stage {stage}: as the table has them")
    return 1 if found and do == "verify" else 0


if __name__ == "__main__":
    sys.exit(main())

"""How Lambda reads the streams: one table, applied after `chalice deploy` and compared with what is deployed.

    python -m cali.ops.event_sources apply  --stage dev        changes what differs; doing it again changes nothing
    python -m cali.ops.event_sources verify --stage dev        one line for each difference, exit 1 if there is any

Chalice knows two of these settings (batch size and window) and leaves the others alone at a redeploy.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.errors import CaliError, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APP = "cali"
LOGS, INCIDENTS = "cali-logs-stream", "cali-incidents-stream"


@dataclass(frozen=True, slots=True)
class Source:
    """How one function reads one stream. `lanes` are the batches of one shard that run at once."""

    function: str
    stream: str
    batch_size: int
    window: int  # seconds
    retries: int
    max_age: int = 21_600  # seconds; then the batch goes to S3, whole
    lanes: int = 1
    position: str = "TRIM_HORIZON"


SOURCES = {
    source.function: source
    for source in (
        # One lane: a shard takes 1,000 records a second and analyze does a hundred times that. Lanes would mix the
        # positions of a shard and tear lines that belong together apart.
        Source("analyze", LOGS, batch_size=1000, window=1, retries=100),
        # Slow and independent by incident: ten lanes a shard, small batches, and a concurrency of its own.
        Source("diagnose", INCIDENTS, batch_size=5, window=0, retries=100, lanes=10),
        # A chat may be away for hours; what it missed waits in the stream.
        Source("alert", INCIDENTS, batch_size=10, window=0, retries=1000, lanes=2),
    )
}


class Difference(NamedTuple):
    """A setting that is not as the table has it."""

    function: str
    setting: str
    wanted: object
    found: object

    def __str__(self) -> str:
        return f"{self.function}: {self.setting} is {self.found}, should be {self.wanted}"


def wanted(source: Source, bucket: str) -> dict[str, Any]:
    """The settings of a mapping, under the names that Lambda's API has for them."""
    return {
        "BatchSize": source.batch_size,
        "MaximumBatchingWindowInSeconds": source.window,
        "ParallelizationFactor": source.lanes,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": source.retries,
        "MaximumRecordAgeInSeconds": source.max_age,
        "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}},
    }


def differences(source: Source, bucket: str, mapping: dict[str, Any] | None) -> list[Difference]:
    """Where a deployed mapping is not as it should be; a missing one is one difference."""
    if mapping is None:
        return [Difference(source.function, f"mapping to {source.stream}", "there", "missing")]
    found = [
        Difference(source.function, name, value, _found(mapping, name))
        for name, value in wanted(source, bucket).items()
        if _found(mapping, name) != value
    ]
    state = mapping.get("State", "Enabled")
    if state in ("Disabled", "Disabling"):
        found.append(Difference(source.function, "State", "Enabled", state))
    return found


class Mappings:
    """The deployed mappings of one stage."""

    def __init__(self, client: Any, stage: str, bucket: str) -> None:
        self._client = client
        self._stage = stage
        self._bucket = bucket

    def apply(self) -> list[Difference]:
        """Makes every mapping as the table has it; returns what was different. Misconfigured when one is missing."""
        changed = []
        for source, mapping in self._deployed():
            found = differences(source, self._bucket, mapping)
            if mapping is None:
                raise Misconfigured(
                    f"{found[0]}; deploy the functions first: chalice deploy --stage {self._stage}"
                )
            if found:
                self._client.update_event_source_mapping(
                    UUID=mapping["UUID"], Enabled=True, **wanted(source, self._bucket)
                )
            changed += found
        return changed

    def verify(self) -> list[Difference]:
        """What differs from the table."""
        return [
            difference
            for source, mapping in self._deployed()
            for difference in differences(source, self._bucket, mapping)
        ]

    def _deployed(self) -> Iterator[tuple[Source, dict[str, Any] | None]]:
        # Asked for all at once: by function, emulators and AWS disagree on which name of it counts.
        pages = self._client.get_paginator("list_event_source_mappings").paginate()
        held: dict[tuple[str, str], dict[str, Any]] = {
            (mapping["FunctionArn"].split(":function:")[-1].split(":")[0], _stream(mapping)): mapping
            for page in pages
            for mapping in page["EventSourceMappings"]
        }
        for source in SOURCES.values():
            yield source, held.get((f"{APP}-{self._stage}-{source.function}", source.stream))


def _stream(mapping: dict[str, Any]) -> str:
    return str(mapping.get("EventSourceArn", "")).rpartition("/")[2]


def _found(mapping: dict[str, Any], name: str) -> object:
    value = mapping.get(name)
    if name == "DestinationConfig":  # an empty OnSuccess may come with it
        return {"OnFailure": (value or {}).get("OnFailure") or {}}
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m cali.ops.event_sources", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("do", choices=["apply", "verify"])
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--bucket", help="of the failure destination; default: cali-logs-<account>")
    given = parser.parse_args(arguments)
    try:
        return _run(given.do, given.stage, given.bucket)
    except CaliError as error:
        print(f"cali: {error}", file=sys.stderr)
        return 2


def _run(do: str, stage: str, bucket: str | None) -> int:
    from cali.adapters import aws

    with aws.said("event sources"):
        if bucket is None:
            bucket = f"cali-logs-{aws.client('sts').get_caller_identity()['Account']}"
        mappings = Mappings(aws.client("lambda"), stage, bucket)
        found = mappings.apply() if do == "apply" else mappings.verify()
    for difference in found:
        print(f"changed: {difference}" if do == "apply" else difference)
    if not found:
        print(f"event sources of stage {stage}: as the table has them")
    return 1 if found and do == "verify" else 0


if __name__ == "__main__":
    sys.exit(main())

"""The event-source mappings of one stage: applied from the table, and compared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cali.core.errors import Misconfigured
from cali.core.event_sources import APP, SOURCES, Source

if TYPE_CHECKING:
    from collections.abc import Iterator


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

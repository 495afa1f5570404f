"""The event source mappings of one stage: update them from the table, and compare them with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.core.errors import Misconfigured, Retryable
from cali.core.event_sources import APP, SOURCES, EventSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAUSE, LOOKS = 2.0, 90  # seconds between two polls of a mapping in transition; maximum number of polls


class MappingDifference(NamedTuple):
    """A setting of a mapping that differs from the table."""

    function: str
    setting: str
    wanted: object
    found: object

    def __str__(self) -> str:
        return f"{self.function}: {self.setting} is {self.found}, should be {self.wanted}"


def wanted(source: EventSource, bucket: str) -> dict[str, Any]:
    """Return the wanted settings of a mapping, under the names of Lambda's API."""
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


def differences(
    source: EventSource, bucket: str, mapping: dict[str, Any] | None, name: str = APP
) -> list[MappingDifference]:
    """Return the settings of a deployed mapping that differ. A missing mapping is one difference."""
    if mapping is None:
        return [
            MappingDifference(source.function, f"mapping to {source.stream_of(name)}", "there", "missing")
        ]
    found = [
        MappingDifference(source.function, name, value, _found(mapping, name))
        for name, value in wanted(source, bucket).items()
        if _found(mapping, name) != value
    ]
    state = mapping.get("State", "Enabled")
    if state in ("Disabled", "Disabling"):
        found.append(MappingDifference(source.function, "State", "Enabled", state))
    return found


class Mappings:
    """The deployed mappings of one stage of the installation `name`."""

    def __init__(
        self,
        client: Any,
        stage: str,
        bucket: str,
        name: str = APP,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._stage = stage
        self._bucket = bucket
        self._name = name
        self._sleep = sleep

    def apply(self) -> list[MappingDifference]:
        """Update every mapping from the table, and return the differences found. Raise Misconfigured if a mapping is
        missing. Lambda rejects changes of a mapping in transition, so wait for the end of each transition before
        and after."""
        changed = []
        for source, mapping in self._deployed():
            found = differences(source, self._bucket, mapping, self._name)
            if mapping is None:
                raise Misconfigured(
                    f"{found[0]}; deploy the functions first: make deploy STAGE={self._stage}"
                )
            if found:
                self._settle(source, mapping["UUID"])
                self._update(source, mapping["UUID"])
                self._settle(source, mapping["UUID"])
            changed += found
        return changed

    def verify(self) -> list[MappingDifference]:
        """Return the differences from the table."""
        return [
            difference
            for source, mapping in self._deployed()
            for difference in differences(source, self._bucket, mapping, self._name)
        ]

    def _update(self, source: EventSource, uuid: str) -> None:
        from botocore.exceptions import ClientError

        for _ in range(LOOKS):
            try:
                self._client.update_event_source_mapping(
                    UUID=uuid, Enabled=True, **wanted(source, self._bucket)
                )
                return
            except ClientError as error:  # another client started a change in the meantime
                if error.response["Error"]["Code"] != "ResourceInUseException":
                    raise
            self._sleep(PAUSE)
        raise self._unsettled(source, "Updating")

    def _settle(self, source: EventSource, uuid: str) -> None:
        """Wait until Lambda has finished creating or updating the mapping."""
        for _ in range(LOOKS):
            state = str(self._client.get_event_source_mapping(UUID=uuid).get("State", ""))
            if not state.endswith("ing"):
                return
            self._sleep(PAUSE)
        raise self._unsettled(source, state)

    def _unsettled(self, source: EventSource, state: str) -> Retryable:
        return Retryable(
            f"{self._function(source)}: its mapping is still {state} after {PAUSE * LOOKS:.0f} s; run it again"
        )

    def _function(self, source: EventSource) -> str:
        return f"{self._name}-{self._stage}-{source.function}"

    def _deployed(self) -> Iterator[tuple[EventSource, dict[str, Any] | None]]:
        # List all mappings at once: emulators and AWS disagree about which form of the function's name filters the
        # list.
        pages = self._client.get_paginator("list_event_source_mappings").paginate()
        held: dict[tuple[str, str], dict[str, Any]] = {
            (mapping["FunctionArn"].split(":function:")[-1].split(":")[0], _stream(mapping)): mapping
            for page in pages
            for mapping in page["EventSourceMappings"]
        }
        for source in SOURCES.values():
            yield source, held.get((self._function(source), source.stream_of(self._name)))


def _stream(mapping: dict[str, Any]) -> str:
    return str(mapping.get("EventSourceArn", "")).rpartition("/")[2]


def _found(mapping: dict[str, Any], name: str) -> object:
    value = mapping.get(name)
    if name == "DestinationConfig":  # the response may also contain an empty OnSuccess
        return {"OnFailure": (value or {}).get("OnFailure") or {}}
    return value

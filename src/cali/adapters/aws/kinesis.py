"""Writer of a Kinesis stream."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cali.adapters.aws.clients import mapped_errors
from cali.core.errors import Retryable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cali.core.ports import StreamEntry

RECORDS, BYTES = (
    500,
    4_500_000,
)  # limits of one PutRecords call: 500 records and 5 MiB, including the keys
ATTEMPTS, FIRST_PAUSE = 6, 0.1


class KinesisStream:
    """OutputStream on Kinesis. Rejected entries are sent again by themselves. After the last attempt, Retryable gives
    the number of entries left. A put without a response may have succeeded, so readers must recognise duplicates."""

    def __init__(self, client: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._sleep = sleep

    def put(self, entries: Iterable[StreamEntry]) -> None:
        for batch in _batches(entries):
            self._put(batch)

    def shards(self) -> list[str]:
        """Return the shards, including closed ones, each as `<stream>/<shard>`."""
        with mapped_errors(f"stream {self._name}"):
            pages = self._client.get_paginator("list_shards").paginate(StreamName=self._name)
            return [f"{self._name}/{shard['ShardId']}" for page in pages for shard in page["Shards"]]

    def next_arrival(self, shard: str, sequence: str) -> float | None:
        """Return the arrival time of the next record, or None if this is the newest. `shard` is `<stream>/<shard>`."""
        with mapped_errors(f"stream {self._name}"):
            at = self._client.get_shard_iterator(
                StreamName=self._name,
                ShardId=shard.rpartition("/")[2],
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=sequence,
            )
            found = self._client.get_records(ShardIterator=at["ShardIterator"], Limit=1)["Records"]
        return found[0]["ApproximateArrivalTimestamp"].timestamp() if found else None

    def _put(self, batch: Sequence[StreamEntry]) -> None:
        left: Sequence[StreamEntry] = batch
        why = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            with mapped_errors(f"stream {self._name}"):
                answer = self._client.put_records(
                    StreamName=self._name,
                    Records=[{"Data": entry.data, "PartitionKey": entry.key} for entry in left],
                )
            refused = [
                (entry, result["ErrorCode"])
                for entry, result in zip(left, answer["Records"], strict=True)
                if result.get("ErrorCode")
            ]
            if not refused:
                return
            left, why = [entry for entry, _ in refused], refused[0][1]
        raise Retryable(f"stream {self._name}: {len(left)} of {len(batch)} records were refused: {why}")


def _batches(entries: Iterable[StreamEntry]) -> Iterator[list[StreamEntry]]:
    batch: list[StreamEntry] = []
    size = 0
    for entry in entries:
        weight = len(entry.data) + len(entry.key)
        if batch and (len(batch) >= RECORDS or size + weight > BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += weight
    if batch:
        yield batch

"""Reader of a Kinesis stream, shard by shard. Records have the form in which Lambda delivers them."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Any

from cali.adapters.aws.clients import mapped_errors
from cali.core.ports import Shard, ShardRead


class StreamReader:
    """Reader that uses GetRecords. Kinesis allows five reads per second and shard."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name
        self._iterators: dict[str, tuple[str, str]] = {}  # shard -> last sequence number, next iterator

    def shards(self) -> list[Shard]:
        """Return all shards that still hold records, including closed ones."""
        with mapped_errors(f"stream {self.name}"):
            pages = self._client.get_paginator("list_shards").paginate(StreamName=self.name)
            return [_shard(found) for page in pages for found in page["Shards"]]

    def read(self, shard: str, after: str, limit: int) -> ShardRead:
        """Return at most `limit` records after a sequence number. Start with the oldest record if the number is
        empty, or if it belongs to an earlier stream of the same name."""
        known = self._iterators.pop(shard, None)
        expired = self._client.exceptions.ExpiredIteratorException
        with mapped_errors(f"stream {self.name}"):
            iterator = known[1] if known and known[0] == after else self._iterator(shard, after)
            try:
                answer = self._client.get_records(ShardIterator=iterator, Limit=limit)
            except expired:  # an iterator expires after five minutes without a read
                answer = self._client.get_records(ShardIterator=self._iterator(shard, after), Limit=limit)
        items = tuple(_item(self.name, shard, record) for record in answer["Records"])
        following = answer.get("NextShardIterator")
        if following:
            last = items[-1]["kinesis"]["sequenceNumber"] if items else after
            self._iterators[shard] = (last, following)
        return ShardRead(items, not following)

    def _iterator(self, shard: str, after: str) -> str:
        place = {"StreamName": self.name, "ShardId": shard}
        if after:
            behind = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
            with suppress(self._client.exceptions.InvalidArgumentException):
                return str(self._client.get_shard_iterator(**place, **behind)["ShardIterator"])
        oldest = self._client.get_shard_iterator(**place, ShardIteratorType="TRIM_HORIZON")
        return str(oldest["ShardIterator"])


def _shard(found: dict[str, Any]) -> Shard:
    parents = (found.get("ParentShardId"), found.get("AdjacentParentShardId"))
    ends = "EndingSequenceNumber" in found.get("SequenceNumberRange", {})
    return Shard(found["ShardId"], tuple(parent for parent in parents if parent), open=not ends)


def _item(stream: str, shard: str, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "eventSource": "aws:kinesis",
        "eventSourceARN": f"arn:aws:kinesis:::stream/{stream}",
        "eventID": f"{shard}:{record['SequenceNumber']}",
        "kinesis": {
            "data": b64encode(record["Data"]).decode(),
            "sequenceNumber": record["SequenceNumber"],
            "partitionKey": record["PartitionKey"],
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }

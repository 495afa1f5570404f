"""A Kinesis stream to read from, shard by shard, in the shape in which Lambda delivers its records."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Any

from cali.adapters.aws.clients import mapped_errors
from cali.core.ports import Shard, ShardRead


class StreamReader:
    """Reads a stream with GetRecords, which one reader may do five times a second for each shard."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name
        self._iterators: dict[str, tuple[str, str]] = {}  # shard -> what was read last, where to go on

    def shards(self) -> list[Shard]:
        """All shards of which something is kept, closed ones too."""
        with mapped_errors(f"stream {self.name}"):
            pages = self._client.get_paginator("list_shards").paginate(StreamName=self.name)
            return [_shard(found) for page in pages for found in page["Shards"]]

    def read(self, shard: str, after: str, limit: int) -> ShardRead:
        """At most `limit` records after that sequence number. From the oldest one that is kept when it is empty, or of a
        stream that had this name before."""
        known = self._iterators.pop(shard, None)
        expired = self._client.exceptions.ExpiredIteratorException
        with mapped_errors(f"stream {self.name}"):
            iterator = known[1] if known and known[0] == after else self._iterator(shard, after)
            try:
                answer = self._client.get_records(ShardIterator=iterator, Limit=limit)
            except expired:  # nobody read for five minutes
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

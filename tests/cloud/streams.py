"""Readers of the shards of a stream, shared by all consumers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.cloud.batches import Row

POLL_SECONDS = 0.15
AT_ONCE = 2_000


class ShardReader:
    """All rows of one shard from its oldest record on, in memory. A consumer's place is the number of rows that it
    has read."""

    def __init__(self, client: Any, stream: str, shard: str, poll: float = POLL_SECONDS) -> None:
        self.stream = stream
        self.shard = shard
        self.news = threading.Condition()
        self.caught_up = False  # the last read returned no more records
        self.known_until = 0.0  # all rows that arrived before this time are here
        self._rows: list[Row] = []
        self._client = client
        self._poll = poll
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"read {stream} {shard[-1]}")
        self._thread.start()

    @property
    def end(self) -> int:
        """Return the place after the newest row."""
        return len(self._rows)

    def rows(self, place: int, limit: int = AT_ONCE) -> list[Row]:
        """Return at most this number of rows from a place on."""
        return self._rows[place : place + limit]

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        iterator = ""
        while not self._closing.is_set():
            try:
                if not iterator:
                    iterator = self._iterator()
                asked = time.time()
                answer = self._client.get_records(ShardIterator=iterator, Limit=AT_ONCE)
            except (BotoCoreError, ClientError):
                iterator = ""  # the emulator is stopping, or was restarted
                self._closing.wait(1.0)
                continue
            iterator = answer["NextShardIterator"]
            self._keep(answer["Records"])
            if not answer["Records"]:
                self.known_until = asked
            if not answer["Records"]:
                self._closing.wait(self._poll)

    def _iterator(self) -> str:
        """Return an iterator after the last row."""
        where: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if self._rows:
            where = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": self._rows[-1].sequence,
            }
        answer = self._client.get_shard_iterator(StreamName=self.stream, ShardId=self.shard, **where)
        return str(answer["ShardIterator"])

    def _keep(self, records: list[dict[str, Any]]) -> None:
        self.caught_up = not records
        if records:
            rows = [
                Row(r["SequenceNumber"], r["PartitionKey"], r["Data"], r["ApproximateArrivalTimestamp"].timestamp())
                for r in records
            ]  # fmt: skip
            with self.news:
                self._rows.extend(rows)
                self.news.notify_all()


class Streams:
    """The readers of all consumed shards, by stream."""

    def __init__(self, new_client: Callable[[], Any], poll: float = POLL_SECONDS) -> None:
        self._new_client = new_client
        self._poll = poll
        self._readers: dict[str, list[ShardReader]] = {}
        self._lock = threading.Lock()

    def readers(self, stream: str) -> list[ShardReader]:
        """Return one reader for each shard of a stream, and start those that are new."""
        with self._lock:
            if stream not in self._readers:
                client = self._new_client()
                shards = client.list_shards(StreamName=stream)["Shards"]
                self._readers[stream] = [
                    ShardReader(client, stream, shard["ShardId"], self._poll) for shard in shards
                ]
            return self._readers[stream]

    def close(self) -> None:
        with self._lock:
            for readers in self._readers.values():
                for reader in readers:
                    reader.close()

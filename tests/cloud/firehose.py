"""Both Firehoses: one delivers the stream unchanged to S3, the other delivers it through the function `enrich` to
OpenSearch. Pure functions decide; the class Firehose reads shards and acts.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from tests.cloud.aws import BUCKET
from tests.cloud.batches import Outcome, Row
from tests.cloud.emulator import ACCOUNT, REGION
from tests.cloud.streams import ShardReader

TRIES = 3  # attempts at a transformation or a bulk request that fails as a whole
MOST_RESPONSE = 6_000_000
MOST_TRANSFORMED = 1_000_000  # maximum bytes passed to the function at once


@dataclass(frozen=True, slots=True)
class Buffer:
    """The limits of a buffer. Rows are delivered when they reach an age or a size."""

    seconds: float = 60.0
    size: int = 5_000_000

    def is_full(self, size: int, age: float) -> bool:
        return size >= self.size or age >= self.seconds


class Transformed(NamedTuple):
    """The result of a transformation: documents to index, dropped rows, and failed rows with the reason."""

    documents: tuple[bytes, ...]
    dropped: int
    failed: tuple[tuple[Row, str], ...]


def raw_object(rows: Sequence[Row], now: float) -> tuple[str, bytes]:
    """Return key and gzip content of an object under raw/."""
    at = datetime.fromtimestamp(now, UTC)
    key = f"raw/dt={at:%Y-%m-%d}/cali-logs-s3-1-{at:%Y-%m-%d-%H-%M-%S}-{uuid4()}.gz"
    # Firehose puts no separator between records; the delivery stream is configured to append a newline.
    return key, gzip.compress(b"".join(row.data.rstrip(b"\n") + b"\n" for row in rows), 1)


def failed_object(failed: Sequence[tuple[Row, str]], now: float, tries: int) -> tuple[str, bytes]:
    """Return key and content of an object under firehose-failed/: one JSON line for each row, as Firehose writes it."""
    at = datetime.fromtimestamp(now, UTC)
    lines = [
        json.dumps(
            {
                "attemptsMade": tries,
                "arrivalTimestamp": int(row.arrived * 1000),
                "errorCode": reason.split(":")[0],
                "errorMessage": reason,
                "attemptEndingTimestamp": int(now * 1000),
                "rawData": b64encode(row.data).decode(),
            }
        )
        for row, reason in failed
    ]
    return f"firehose-failed/dt={at:%Y-%m-%d}/{at:%H-%M-%S}-{uuid4()}", ("\n".join(lines) + "\n").encode()


def transformation(rows: Sequence[Row]) -> bytes:
    """Return the event of a transformation."""
    records = [
        {
            "recordId": f"{number:056d}",
            "approximateArrivalTimestamp": int(row.arrived * 1000),
            "data": b64encode(row.data).decode(),
            "kinesisRecordMetadata": {
                "sequenceNumber": row.sequence,
                "partitionKey": row.key,
                "approximateArrivalTimestamp": int(row.arrived * 1000),
            },
        }
        for number, row in enumerate(rows)
    ]
    arn = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/cali-logs-opensearch"
    event = {"invocationId": str(uuid4()), "deliveryStreamArn": arn, "region": REGION, "records": records}
    return json.dumps(event).encode()


def transformed(rows: Sequence[Row], outcome: Outcome) -> Transformed:
    """Return the result of a transformation. The response must contain every record by its id, within Lambda's size
    limit."""
    if outcome.error:
        return _all_failed(rows, f"Lambda.FunctionError: {outcome.error.splitlines()[0]}")
    if len(outcome.body) > MOST_RESPONSE:
        return _all_failed(rows, "Lambda.ResponseTooLarge: more than 6 MB")
    try:
        answers = {item["recordId"]: item for item in json.loads(outcome.body)["records"]}
    except (ValueError, KeyError, TypeError):
        return _all_failed(rows, "Lambda.InvalidResponse: no list of records")
    documents, dropped, failed = [], 0, []
    for number, row in enumerate(rows):
        answer = answers.get(f"{number:056d}", {})
        match answer.get("result"):
            case "Ok":
                documents.append(b64decode(answer["data"]))
            case "Dropped":
                dropped += 1
            case "ProcessingFailed":
                failed.append((row, "Lambda.ProcessingFailed: the function says so"))
            case _:
                failed.append((row, "Lambda.MissingRecordId: not answered"))
    return Transformed(tuple(documents), dropped, tuple(failed))


def portions(rows: Sequence[Row], most: int = MOST_TRANSFORMED) -> list[list[Row]]:
    """Yield the rows in portions for one transformation each."""
    found: list[list[Row]] = []
    size = most
    for row in rows:
        if size + row.bytes > most:
            found.append([])
            size = 0
        found[-1].append(row)
        size += row.bytes
    return found


@dataclass(slots=True)
class Kept:
    """The deliveries of both Firehoses."""

    counts: Counter[str] = field(default_factory=Counter)


class Firehose:
    """A delivery of shards, with one thread for each shard, so that they do not wait for each other."""

    def __init__(
        self,
        readers: Sequence[ShardReader],
        deliver: Callable[[list[Row]], None],
        buffer: Buffer,
        *,
        from_end: bool,
    ) -> None:
        self._deliver = deliver
        self._buffer = buffer
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, args=(reader, reader.end if from_end else 0), daemon=True)
            for reader in readers
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Deliver the rest and stop."""
        self._closing = True
        for thread in self._threads:
            thread.join()

    def _run(self, reader: ShardReader, place: int) -> None:
        held: list[Row] = []
        since, size = time.monotonic(), 0
        while True:
            closing = self._closing
            rows = reader.rows(place)
            place += len(rows)
            if rows and not held:
                since = time.monotonic()
            held += rows
            size += sum(len(row.data) for row in rows)
            if held and (closing or self._buffer.is_full(size, time.monotonic() - since)):
                self._deliver(held)
                held, size = [], 0
            if not rows:
                if closing:
                    return
                time.sleep(0.2)


def to_s3(client: Any, kept: Kept) -> Callable[[list[Row]], None]:
    """Deliver unchanged rows to raw/."""

    def deliver(rows: list[Row]) -> None:
        key, body = raw_object(rows, time.time())
        client.put_object(Bucket=BUCKET, Key=key, Body=body)
        kept.counts["raw"] += len(rows)

    return deliver


def to_opensearch(
    client: Any, invoke: Callable[[bytes], Outcome], url: str, kept: Kept
) -> Callable[[list[Row]], None]:
    """Deliver rows through the function to OpenSearch, and failures to firehose-failed/."""

    def deliver(rows: list[Row]) -> None:
        for part in portions(rows):
            done = _all_failed(part, "")
            for _ in range(TRIES):
                done = transformed(part, invoke(transformation(part)))
                if len(done.failed) < len(part):
                    break
            failed = list(done.failed)
            if done.documents and not _bulk(url, done.documents):
                failed = [(row, "OS.ServiceUnavailable: the bulk was refused") for row in part]
            else:
                kept.counts["indexed"] += len(done.documents)
                kept.counts["dropped"] += done.dropped  # all rows of a rejected bulk count as failed
            if failed:
                kept.counts["failed"] += len(failed)
                key, body = failed_object(failed, time.time(), TRIES)
                client.put_object(Bucket=BUCKET, Key=key, Body=body)

    return deliver


def _bulk(url: str, documents: Sequence[bytes]) -> bool:
    index = json.dumps({"index": {"_index": f"cali-logs-{datetime.now(UTC):%Y-%m-%d}"}}).encode()
    body = b"".join(index + b"\n" + document.strip() + b"\n" for document in documents)
    for _ in range(TRIES):
        connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
        try:
            connection.request("POST", "/_bulk", body, {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return True
        except (OSError, HTTPException):
            time.sleep(0.5)
        finally:
            connection.close()
    return False


def _all_failed(rows: Sequence[Row], reason: str) -> Transformed:
    return Transformed((), 0, tuple((row, reason) for row in rows))

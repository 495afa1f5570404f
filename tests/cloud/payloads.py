"""The JSON that Lambda passes to a function for records of a stream, and to a failure destination for records that it
gives up."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from tests.cloud.batches import Dropped, Outcome, Row
from tests.cloud.emulator import REGION


def kinesis_event(rows: Sequence[Row], stream_arn: str, shard: str, role: str) -> bytes:
    """Return the event of an invocation."""
    head = {
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role,
        "awsRegion": REGION,
        "eventSourceARN": stream_arn,
    }
    records = [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": row.key,
                "sequenceNumber": row.sequence,
                "data": b64encode(row.data).decode(),
                "approximateArrivalTimestamp": round(row.arrived, 3),
            },
            "eventID": f"{shard}:{row.sequence}",
            **head,
        }
        for row in rows
    ]
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def failure_record(
    dropped: Dropped, outcome: Outcome | None, function_arn: str, stream_arn: str, shard: str, payload: bytes, now: float
) -> bytes:  # fmt: skip
    """Return the object in an S3 destination: the description of the failure, and the whole failed event."""
    first, last = dropped.rows[0], dropped.rows[-1]
    record = {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": function_arn,
            "condition": dropped.condition,
            "approximateInvokeCount": dropped.tries,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled" if outcome and outcome.error else None,
        },
        "version": "1.0",
        "timestamp": _stamp(now),
        "KinesisBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _stamp(first.arrived),
            "approximateArrivalOfLastRecord": _stamp(last.arrived),
            "batchSize": len(dropped.rows),
            "streamArn": stream_arn,
        },
        "payload": payload.decode(),
    }
    return json.dumps(record).encode()


def failure_key(mapping: str, shard: str, now: float) -> str:
    """Return the key of that object, as Lambda names it."""
    at = datetime.fromtimestamp(now, UTC)
    return f"aws/lambda/{mapping}/{shard}/{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{uuid4()}"


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

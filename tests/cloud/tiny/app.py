"""A tiny function for tests of the local cloud. It copies its records, and misbehaves if a record asks for it."""

# mypy: ignore-errors
import json
import os
import time

from chalice import Chalice

app = Chalice(app_name="tiny")
ON_ITS_OWN = {"count": 0}  # lives as long as the process


@app.on_kinesis_record(
    stream="cali-logs-stream", batch_size=10, starting_position="TRIM_HORIZON", name="copy"
)
def copy(event):
    import boto3

    failures, copied = [], []
    for record in event:
        word = record.data.decode().split(":")[0]
        if word == "crash":
            os._exit(1)
        if word == "raise":
            raise RuntimeError("asked to")
        if word == "slow":
            time.sleep(60)
        if word == "fail":
            failures.append({"itemIdentifier": record.sequence_number})
            break
        copied.append({"Data": record.data, "PartitionKey": record.partition_key})
    if copied:
        boto3.client("kinesis").put_records(StreamName=os.environ["TARGET"], Records=copied)
    return {"batchItemFailures": failures}


@app.lambda_function(name="echo")
def echo(event, context):
    ON_ITS_OWN["count"] += 1
    print(json.dumps({"heard": event}))
    left = context.get_remaining_time_in_millis()
    return {
        "event": event,
        "count": ON_ITS_OWN["count"],
        "left": left,
        "id": context.aws_request_id,
        "home": os.environ["LAMBDA_TASK_ROOT"],
        "layer": _from_layer(),
    }


@app.lambda_function(name="stray")
def stray(event, context):
    """Import a package that developers have and the deployment lacks."""
    import pytest

    return pytest.__version__


def _from_layer():
    try:
        import in_layer
    except ImportError:
        return None
    return in_layer.NAME

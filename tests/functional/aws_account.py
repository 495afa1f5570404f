"""An emulated AWS account in this process: moto's server, and clients of boto3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from cali.adapters.aws.dynamodb_incidents import TABLE

REGION = "ap-northeast-2"
BUCKET = "cali-logs-123456789012"
LOGS, INCIDENTS, INCIDENTS_TABLE = "cali-logs-stream", "cali-incidents-stream", "cali-incidents"


class Account:
    """Streams, table and bucket under Terraform's names."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def client(self, service: str, **config: Any) -> Any:
        if config or service not in self._clients:
            made = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, **config),
            )
            if config:
                return made
            self._clients[service] = made
        return self._clients[service]

    def make(self) -> None:
        """Create the resources."""
        for stream in (LOGS, INCIDENTS):
            self.client("kinesis").create_stream(StreamName=stream, ShardCount=1)
        self.client("dynamodb").create_table(TableName=INCIDENTS_TABLE, **TABLE)
        self.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    def new_table(self, name: str) -> str:
        self.client("dynamodb").create_table(TableName=name, **TABLE)
        return name

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@contextmanager
def account() -> Iterator[Account]:
    """Return an empty account."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = Account(f"http://{host}:{port}")
    try:
        connection = HTTPConnection(host, port)  # moto's state belongs to the process, so reset it
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
        connection.close()
        yield made
    finally:
        made.close()
        server.stop()

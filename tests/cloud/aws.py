"""The emulated AWS account, with the resources of Terraform under the same names."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from tests.cloud.emulator import ACCOUNT, REGION
from tests.cloud.processes import Server, free_port

LOGS, INCIDENTS = "cali-logs-stream", "cali-incidents-stream"
BUCKET = f"cali-logs-{ACCOUNT}"
# Nothing of the developer's environment is passed on, so the real account is never reached by mistake.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local"}


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table as `create_table` takes it, and the attribute that expires items."""

    name: str
    definition: Mapping[str, Any]
    expires_by: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of an account before the first deployment."""

    shards: int = 2
    incident_shards: int = 1
    tables: tuple[Table, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ("cali-app",)


class Account:
    """An AWS account in an emulator process. `endpoint` is its address for all services."""

    def __init__(self, home: Path, runtime_port: int | None = None) -> None:
        port = free_port()
        ports = [str(port)] if runtime_port is None else [str(port), str(runtime_port)]
        command = [sys.executable, "-m", "tests.cloud.emulator", *ports]
        self._server = Server(command, port, home / "emulator.log", clean_environment())
        self.endpoint = f"http://127.0.0.1:{port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.close()

    def environment(self) -> dict[str, str]:
        """Return the environment that leads any AWS client to this account."""
        return {
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def client(self, service: str, key: str = "local") -> Any:
        """Return a client that signs with this access key. The key is the name under which its requests are recorded."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key="local",
            config=Config(
                s3={"addressing_style": "path"},
                retries={"max_attempts": 8, "mode": "standard"},
                max_pool_connections=20,
            ),
        )

    def create(self, wanted: Resources) -> None:
        """Create streams, tables, the bucket, secrets and the functions' role."""
        kinesis = self.client("kinesis")
        kinesis.create_stream(StreamName=LOGS, ShardCount=wanted.shards)
        kinesis.create_stream(StreamName=INCIDENTS, ShardCount=wanted.incident_shards)
        self.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        policy = {"Version": "2012-10-17", "Statement": [{**trusted, "Action": "sts:AssumeRole"}]}
        iam = self.client("iam")
        for role in wanted.roles:
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(policy))
        dynamodb = self.client("dynamodb")
        for table in wanted.tables:
            dynamodb.create_table(TableName=table.name, **table.definition)
            if table.expires_by:
                dynamodb.update_time_to_live(
                    TableName=table.name,
                    TimeToLiveSpecification={"Enabled": True, "AttributeName": table.expires_by},
                )
        for name, value in wanted.secrets.items():
            self.client("secretsmanager").create_secret(Name=name, SecretString=value)

    def reset(self) -> None:
        """Empty the account."""
        self._ask("POST", "/moto-api/reset")

    def publish_layer(self, name: str, content: bytes) -> str:
        """Publish a layer version with this zip, and return its ARN."""
        answer = self.client("lambda").publish_layer_version(
            LayerName=name, Content={"ZipFile": content}, CompatibleRuntimes=[runtime_name()]
        )
        return str(answer["LayerVersionArn"])

    def throttle_dynamodb(self, share: float) -> None:
        """Reject this share of all calls to DynamoDB with ProvisionedThroughputExceeded from now on."""
        self._ask("POST", "/_local/throttle", json.dumps({"share": share}))

    def asked(self) -> dict[str, int]:
        """Return the number of calls by function and operation: `analyze dynamodb PutItem`."""
        counts: dict[str, int] = json.loads(self._ask("GET", "/_local/asked"))
        return counts

    def refuse(self, service: str, share: float) -> None:
        """Reject this share of the functions' calls to a service from now on; see outages.py."""
        self._ask("POST", f"/_local/outage/{service}", json.dumps({"share": share}))

    def calls(self) -> list[list[str]]:
        """Return the recorded calls so far; see recorded.py."""
        found: list[list[str]] = json.loads(self._ask("GET", "/_local/calls"))
        return found

    def code(self, kind: str, name: str) -> bytes:
        """Return the zip of a deployed `function` or `layer`."""
        return self._ask("GET", f"/_local/code/{kind}/{name}")

    def _ask(self, method: str, path: str, body: str = "") -> bytes:
        connection = HTTPConnection(self.endpoint.removeprefix("http://"), timeout=60)
        with closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200].decode(errors='replace')}")
        return content


def role_arn(function: str) -> str:
    """The role of a function."""
    return f"arn:aws:iam::{ACCOUNT}:role/cali-{function}"


def clean_environment() -> dict[str, str]:
    """Return this process's environment without settings of AWS or CALI."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CALI_"))}
    return {**kept, **CREDENTIALS, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def runtime_name() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"

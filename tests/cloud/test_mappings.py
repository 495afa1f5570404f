"""Mappings in transition reject changes, as on AWS. `event_sources apply` waits for them."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from cali.adapters.aws.event_mappings import Mappings
from cali.core.errors import Retryable
from cali.core.event_sources import SOURCES, EventSource
from tests.cloud.mappings import PATIENCE, SlowMappings

NAME, STAGE, BUCKET = "cali-dr", "dev", "cali-dr-logs-123456789012"


@pytest.fixture
def functions(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of Lambda on an AWS with slow mappings."""
    server = make_server(
        "127.0.0.1",
        0,
        SlowMappings(DomainDispatcherApplication(create_backend_app), getattr(request, "param", PATIENCE)),
        threaded=True,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name="ap-northeast-2",
            endpoint_url=f"http://127.0.0.1:{server.port}",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    urlopen(Request(f"http://127.0.0.1:{server.port}/moto-api/reset", method="POST"), timeout=120).close()
    client("iam").create_role(RoleName="cali", AssumeRolePolicyDocument="{}")
    for stream in ("logs", "incidents"):
        client("kinesis").create_stream(StreamName=f"{NAME}-{stream}-stream", ShardCount=1)
    made = client("lambda")
    for source in SOURCES.values():
        deploy(made, source)
    yield made
    server.shutdown()
    server.server_close()


def deploy(functions: Any, source: EventSource) -> None:
    """Deploy one function with its mapping, as `chalice deploy` does."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    name = f"{NAME}-{STAGE}-{source.function}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role="arn:aws:iam::123456789012:role/cali",
        Handler="app.x",
        Code={"ZipFile": code.getvalue()},
    )
    functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:kinesis:ap-northeast-2:123456789012:stream/{source.stream_of(NAME)}",
        FunctionName=name,
        BatchSize=source.batch_size,
        StartingPosition="TRIM_HORIZON",
    )


def test_a_new_mapping_refuses_to_be_changed(functions: Any) -> None:
    mapping = functions.list_event_source_mappings()["EventSourceMappings"][0]
    assert mapping["State"] == "Creating"
    with pytest.raises(ClientError, match="ResourceInUseException"):
        functions.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=7)


def test_apply_waits_until_mappings_can_be_changed_and_until_they_are(functions: Any) -> None:
    # Given mappings of another installation that are still in transition
    waited: list[float] = []
    mappings = Mappings(functions, STAGE, BUCKET, NAME, sleep=waited.append)

    # When the settings are applied, then everything is as declared, and no transition is left
    assert mappings.apply()
    assert waited
    assert mappings.verify() == []
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        assert functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Enabled"
    assert mappings.apply() == []


@pytest.mark.parametrize("functions", [10**6], indirect=True)
def test_a_mapping_that_never_ends_is_given_up_in_one_line(functions: Any) -> None:
    with pytest.raises(
        Retryable, match=r"cali-dr-dev-analyze: its mapping is still Creating after \d+ s; run it again"
    ):
        Mappings(functions, STAGE, BUCKET, NAME, sleep=lambda _: None).apply()

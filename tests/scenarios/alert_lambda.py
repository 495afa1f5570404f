"""Alert scenarios through the functions as deployed: Chalice's handlers, moto's DynamoDB, Kinesis, S3 and Secrets
Manager in this process, and Slack's buttons as signed requests to the api function."""

from __future__ import annotations

import importlib
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from chalice.local import LambdaContext
from chalice.test import Client
from moto import mock_aws

from cali.adapters.aws import clients as aws
from cali.adapters.aws.dynamodb_alerts import DynamoAlerts, DynamoFeedback
from cali.adapters.aws.dynamodb_incidents import TABLE, DynamoIncidents
from cali.adapters.aws.kinesis import KinesisStream
from cali.bootstrap.aws import AwsParts, begin
from cali.core.life import Change
from cali.core.settings import Settings
from cali.stages.refine.refiner import Refiner
from cali.usecases.answer_alert import Step
from cali.usecases.publish_changes import ChangePublisher, dumps, loads
from tests.scenarios.alert_shells import Cause, Given, Press, knowledge, request_of

CHALICE = Path(__file__).parents[2] / "chalice_app"
REGION, BUCKET = "ap-northeast-2", "cali-logs-1"
RULES = "config/alerts.yaml"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ENVIRONMENT = {"AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
REFINER = Refiner()
TRIES = 20  # records of a batch after the first failure, which are repeated
_numbers = count(1)


@contextmanager
def account(environment: pytest.MonkeyPatch) -> Iterator[None]:
    """Start an emulated AWS account in this process, which all later clients use."""
    for name, value in ENVIRONMENT.items():
        environment.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        environment.delenv(name, raising=False)
    environment.syspath_prepend(str(CHALICE))
    aws.client.cache_clear()
    with mock_aws():
        aws.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield
    aws.client.cache_clear()


class Functions:
    """A Shell. Each town has a table, streams and a secret of its own."""

    def __init__(self, given: Given) -> None:
        number = next(_numbers)
        self._given = given
        self._table, self._stream, self._secret = (f"cali-{kind}-{number}" for kind in ("t", "s", "slack"))
        dynamodb, kinesis = aws.client("dynamodb"), aws.client("kinesis")
        dynamodb.create_table(TableName=self._table, **TABLE)
        for name in (self._stream, f"{self._stream}-logs"):
            kinesis.create_stream(StreamName=name, ShardCount=1)
        shard = kinesis.list_shards(StreamName=self._stream)["Shards"][0]["ShardId"]
        self._place = kinesis.get_shard_iterator(
            StreamName=self._stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        self.rule(given.rules)
        aws.client("secretsmanager").create_secret(Name=self._secret, SecretString="{}")
        self.store = DynamoIncidents(dynamodb, self._table)
        self.alerts_store = DynamoAlerts(dynamodb, self._table, given.now)
        self.feedback = DynamoFeedback(dynamodb, self._table)
        self.lives = ChangePublisher(
            self.store, KinesisStream(kinesis, self._stream, given.sleep), given.sleep
        )
        self.warnings: list[str] = []
        self._app: Any = importlib.import_module("app")
        self.restart()

    def close(self) -> None:
        pass

    def restart(self) -> None:
        """Replace the container."""
        given = self._given
        aws.client("secretsmanager").put_secret_value(
            SecretId=self._secret, SecretString=json.dumps(given.secrets)
        )
        settings = Settings(
            stage="test",
            logs_bucket=BUCKET,
            logs_stream=f"{self._stream}-logs",
            incidents_stream=self._stream,
            incidents_table=self._table,
            slack_secret=self._secret,
            alert_rules=RULES,
            alert_wait=given.wait,
            language=given.language,
        )
        parts = AwsParts(
            settings,
            given.now,
            given.sleep,
            self.warnings.append,
            shipped=knowledge,
            refiner=lambda _: REFINER,
        )
        begin(parts)
        self.client = Client(self._app.app, stage_name="none", project_dir=str(CHALICE))

    def rule(self, rules: str) -> None:
        """The running container reads the rules again within a minute."""
        aws.client("s3").put_object(Bucket=BUCKET, Key=RULES, Body=rules.encode())

    def apply(self, incident: str, step: Step) -> None:
        self.lives.apply(incident, step)

    def fresh(self) -> Sequence[Change]:
        answer = aws.client("kinesis").get_records(ShardIterator=self._place)
        self._place = answer["NextShardIterator"]
        found = [loads(record["Data"]) for record in answer["Records"]]
        return [message for message in found if isinstance(message, Change)]

    def hear(self, changes: Sequence[Change]) -> None:
        """Deliver as Lambda does: one batch, which is repeated from the first failure on."""
        records = [self._record(place, change) for place, change in enumerate(changes)]
        for _ in range(TRIES):
            failed = self._invoked("alert", {"Records": records})["batchItemFailures"]
            if not failed:
                return
            first = min(int(one["itemIdentifier"]) for one in failed)
            records = [one for one in records if int(one["kinesis"]["sequenceNumber"]) >= first]
            self._given.sleep(1.0)
        raise AssertionError(f"the batch failed {TRIES} times")

    def minute(self) -> None:
        """Run the schedule of EventBridge."""
        self._invoked("sweep", self.client.events.generate_cw_event("aws.events", "Scheduled Event", {}, []))

    def say(self, said: Press | Cause) -> str:
        self._request = request_of(said, self._given.now())
        return self.again()

    def again(self) -> str:
        headers, body = self._request
        answer = self.client.http.post("/slack/actions", headers={**FORM, **headers}, body=body)
        return str(answer.status_code)

    def _record(self, place: int, change: Change) -> dict[str, Any]:
        number = 1_000 + place
        return {
            "kinesis": {
                "data": b64encode(dumps(change)).decode(),
                "sequenceNumber": str(number),
                "partitionKey": change.incident,
                "approximateArrivalTimestamp": self._given.now(),
            },
            "eventID": f"shardId-000000000000:{number}",
            "eventSourceARN": f"arn:aws:kinesis:{REGION}:1:stream/{self._stream}",
            "eventSource": "aws:kinesis",
        }

    def _invoked(self, function: str, event: Any) -> Any:
        """Invoke with more time. Chalice's own client gives an invocation three seconds, too few for the rest of a
        batch."""
        context = LambdaContext(function, memory_size=512, max_runtime_ms=60_000)
        return self._app.app.handler_map[function](event, context)

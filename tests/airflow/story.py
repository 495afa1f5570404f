"""Nights of Airflow between two days of the functions. They run once, and all tests read the result.

a day with unknown errors -> a night in which S3 rejects the gate's result -> the same night without that fault -> the
same night again -> the errors of the next day
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
from cali.adapters.aws.s3 import S3Objects
from cali.core.models import Status
from cali.testing.clock import NOON
from cali.testing.model_server import ModelServer, explanation
from cali.testing.slack import Slack
from cali.usecases.releases import Releases
from tests.airflow.process import Airflow
from tests.airflow.storm import DENIED, Storm
from tests.functional.aws_account import BUCKET, INCIDENTS, INCIDENTS_TABLE, LOGS, REGION, Account, account
from tests.functional.aws_fakes import fluent
from tests.functional.aws_functions import Functions, kinesis_event

DAY = date(2026, 11, 20)
SHARD = "ERROR settlement batch 812 rejected: ledger shard 7 is two epochs behind its coordinator"
SHARD_CAUSE = "The ledger shard is epochs behind its coordinator, so the settlement batch is rejected."
CARD = "ERROR gift card 4411 locked after redemption replay, balance journal shows version 9 twice"
CARD_CAUSE = (
    "The balance journal shows a version twice after a redemption replay, so the gift card is locked."
)
CALM = CARD.replace("ERROR", "INFO")  # the same line without an error: a signature must not match it
NEXT_SHARD = SHARD.replace("812", "977").replace("shard 7", "shard 3")
NEXT_CARD = CARD.replace("4411", "8207")
EARLIER = (CALM, "INFO all is well")
# A process of its own: only one process at a time may open a file of Milvus Lite.
LOOK = """
import json, sys
from pymilvus import MilvusClient
client = MilvusClient(sys.argv[1])
rows = {name: client.get_collection_stats(name)["row_count"] for name in client.list_collections()}
alias = "cali_knowledge"
client.load_collection(client.describe_alias(alias)["collection_name"])
learnt = client.query(alias, filter='entry like "learnt-%"', output_fields=["entry"])
print(json.dumps({"learnt": sorted({row["entry"] for row in learnt}), "rows": rows, "alias": client.describe_alias(alias)["collection_name"]}))
"""


@dataclass
class Told:
    """The results. A snapshot is the ETags of all objects, and the rows of all collections of Milvus."""

    airflow: Airflow
    found: dict[str, Any] = field(default_factory=dict)
    storm: dict[str, Any] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    night: dict[str, dict[str, Any]] = field(default_factory=dict)
    again: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: Any = None
    after: Any = None
    asked: list[int] = field(
        default_factory=list
    )  # calls of the model after the fault, after the night, and after its repetition
    next_day: dict[str, dict[str, Any]] = field(default_factory=dict)
    released: dict[str, Any] = field(default_factory=dict)
    undated: dict[str, Any] = field(default_factory=dict)  # a run without a logical date
    denied: dict[str, Any] = field(default_factory=dict)  # a run whose result S3 rejects


class Town:
    """The account, and its functions."""

    def __init__(self, aws: Account, milvus: Path) -> None:
        self.aws = aws
        self.milvus = milvus

    def day(self, workload: str, first: int, *lines: str) -> dict[str, dict[str, Any]]:
        """Send lines as Fluent Bit does, and return the functions' diagnosis of each incident by its title. `first`
        is the stream's number of the first record."""
        functions = Functions(self.aws.endpoint)
        pod = f"{workload}-6d4cf56db6-abcde"
        records = [fluent(line, pod, NOON + number) for number, line in enumerate(lines)]
        said = [functions("analyze", kinesis_event(LOGS, records, first))]
        said += [functions("diagnose", kinesis_event(INCIDENTS, self.published()))]
        log = functions.close()
        assert said == [{"result": {"batchItemFailures": []}}] * 2, f"{said} {log}"
        return self.incidents(workload)

    def published(self) -> list[bytes]:
        kinesis = self.aws.client("kinesis")
        shard = kinesis.list_shards(StreamName=INCIDENTS)["Shards"][0]["ShardId"]
        place = kinesis.get_shard_iterator(
            StreamName=INCIDENTS, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        return [one["Data"] for one in kinesis.get_records(ShardIterator=place["ShardIterator"])["Records"]]

    def incidents(self, workload: str) -> dict[str, dict[str, Any]]:
        kept = DynamoIncidents(self.aws.client("dynamodb"), INCIDENTS_TABLE).find(tuple(Status), 100)
        return {
            one.incident.title: {
                "origin": one.incident.diagnosis.origin.value,
                "cause": one.incident.diagnosis.cause,
                "knowledge": [hit.id for hit in one.incident.diagnosis.knowledge],
            }
            for one in kept
            if one.incident.scope.workload == workload and one.incident.diagnosis
        }

    def snapshot(self) -> dict[str, Any]:
        pages = self.aws.client("s3").list_objects_v2(Bucket=BUCKET)
        etags = {item["Key"]: item["ETag"] for item in pages["Contents"]}
        looked = subprocess.run(
            [sys.executable, "-c", LOOK, str(self.milvus)], capture_output=True, text=True, check=True
        )
        return {"objects": etags, **json.loads(looked.stdout)}


def _explain(asked: dict[str, Any]) -> str:
    user = "\n".join(str(message["content"]) for message in asked["messages"])
    cause = SHARD_CAUSE if "ledger shard" in user else CARD_CAUSE
    return explanation(cause, ["L1"], ["Restart the coordinator of the shard."])


@contextmanager
def told(place: Path) -> Iterator[Told]:
    """Run everything in order."""
    with ExitStack() as stack:
        aws = stack.enter_context(account())
        aws.make()
        storm = stack.enter_context(Storm(aws.endpoint))
        model = stack.enter_context(ModelServer(_explain))
        slack = Slack()
        chat = stack.enter_context(slack.serve())
        hook = json.dumps({"webhook_url": chat.hook})
        aws.client("secretsmanager").create_secret(Name="cali/slack", SecretString=hook)
        town = Town(aws, place / "knowledge.db")
        airflow = Airflow(
            place,
            AWS_ENDPOINT_URL=storm.url,
            AWS_DEFAULT_REGION=REGION,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            CALI_LOGS_BUCKET=BUCKET,
            CALI_INCIDENTS_TABLE=INCIDENTS_TABLE,
            CALI_MILVUS_URI=str(town.milvus),
            CALI_SLACK_SECRET="cali/slack",
            CALI_LEARNING_POST="yes",
            CALI_LEARNING_APPROVAL="auto",
            CALI_MODEL="local",
            CALI_OPENAI_BASE_URL=model.url,
        )
        said = Told(airflow)
        assert {one["origin"] for one in town.day("orders", 0, SHARD, CARD).values()} == {"none"}
        raw = b"\n".join(fluent(line) for line in EARLIER)
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"raw/dt={DAY}/part-0", Body=raw)
        with airflow.night() as night:
            said.found = night.found
            storm.refuses = "PUT /gate.json"
            said.storm = night.run("learn_new_errors", DAY, retries=1)
            said.asked.append(model.calls)
            said.posts = [str(message.content["text"]) for message in slack.shown()]
            storm.refuses, storm.says = "PUT /retain.json", DENIED
            said.denied = night.run("retention", DAY, retries=2)
            storm.refuses = ""
            said.night = night.all(DAY)
            said.undated = night.run("retention", None)
        said.asked.append(model.calls)
        said.before = town.snapshot()
        with airflow.night() as night:
            said.again = night.all(DAY)
        said.asked.append(model.calls)
        said.after = town.snapshot()
        said.next_day = town.day("checkout", 10, NEXT_SHARD, NEXT_CARD)
        kept = S3Objects(aws.client("s3"), BUCKET)
        releases = Releases(kept, kept)
        said.released = dict(releases.learnt(releases.current().versions.knowledge).entries)
        yield said

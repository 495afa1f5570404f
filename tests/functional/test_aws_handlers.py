"""The handlers as deployed, in a process with a function's environment, against an emulated account."""

from __future__ import annotations

import gzip
import json
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
from cali.adapters.aws.s3 import S3Objects
from cali.core.life import Change, ChangeKind
from cali.core.models import KnowledgeEntry, Origin, Severity, Status
from cali.stages.detect import resolve
from cali.stages.notify.actions import sign
from cali.stages.retrieve.knowledge import load
from cali.testing.model_server import ModelServer, explanation
from cali.usecases.publish_changes import dumps, loads
from cali.usecases.releases import LearntKnowledge, Releases
from tests.functional.aws_account import BUCKET, INCIDENTS, INCIDENTS_TABLE, LOGS, REGION, Account, account
from tests.functional.aws_fakes import fluent
from tests.functional.aws_functions import Functions, emitted, kinesis_event
from tests.functional.shell import analysed
from tests.functional.test_aws_adapters import Chat
from tests.stand_in import Said

UNKNOWN = "ERROR zulu coupling lost its phase on rack 7"


FORM = {"content-type": "application/x-www-form-urlencoded"}
MINUTE = {
    "version": "0",
    "id": "x",
    "account": "1",
    "region": REGION,
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-11-20T12:00:00Z",
    "resources": [],
    "detail": {},
}


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer(
        explanation("The zulu coupling lost its phase.", ["L1"], ["Check the coupling."])
    ) as server:
        yield server


@pytest.fixture
def slack() -> Iterator[Chat]:
    with Chat(Said(503), *[Said(200, b"ok")] * 20) as chat:
        yield chat


def published(aws: Account) -> list[bytes]:
    kinesis = aws.client("kinesis")
    shard = kinesis.list_shards(StreamName=INCIDENTS)["Shards"][0]["ShardId"]
    place = kinesis.get_shard_iterator(StreamName=INCIDENTS, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return [record["Data"] for record in kinesis.get_records(ShardIterator=place["ShardIterator"])["Records"]]


def objects(aws: Account, prefix: str) -> list[str]:
    found = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", [])]


def spent(aws: Account) -> float:
    """Return the costs of the day in the table."""
    items = aws.client("dynamodb").scan(TableName=INCIDENTS_TABLE)["Items"]
    micros = sum(int(item["micros"]["N"]) for item in items if item["pk"]["S"].startswith("spent#"))
    assert micros > 0
    return micros / 1e6


def test_a_line_becomes_an_incident_a_diagnosis_and_one_message(
    aws: Account, model: ModelServer, slack: Chat
) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(
        Name="cali/slack", SecretString=json.dumps({"webhook_url": slack.url, "signing_secret": "s3cret"})
    )
    secrets.create_secret(Name="cali/openai", SecretString=json.dumps({"api_key": "sk-test"}))
    functions = Functions(
        aws.endpoint,
        CALI_SLACK_SECRET="cali/slack",
        CALI_OPENAI_SECRET="cali/openai",
        CALI_OPENAI_BASE_URL=model.url,
        CALI_MODEL="gpt-4.1-mini",
    )
    lines = [
        fluent("INFO fine"),
        fluent(UNKNOWN),
        b"\x1f\x8bpoison",
        fluent("write: no space left on device"),
    ]
    logs = kinesis_event(LOGS, lines)
    for _ in range(2):
        assert functions("analyze", logs) == {"result": {"batchItemFailures": []}}
    opened = published(aws)
    assert len(opened) == 2
    changes = kinesis_event(INCIDENTS, [*opened, b"noise"])
    for _ in range(2):
        assert functions("diagnose", changes) == {"result": {"batchItemFailures": []}}
    assert model.calls == 1
    everything = kinesis_event(INCIDENTS, published(aws))
    done: dict[str, dict[str, list[object]]] = {"result": {"batchItemFailures": []}}
    assert functions("alert", everything) == done  # the rejected message is stored
    assert len(slack.bodies) == 1  # the others were not even tried
    until = time.monotonic() + 300
    while len(slack.bodies) < 3:  # Slack gets no call for a while
        assert time.monotonic() < until
        time.sleep(0.5)
        swept = functions("sweep", MINUTE)["result"]
    assert functions("alert", everything) == done
    texts = [json.dumps(body) for body in slack.bodies[1:]]
    assert len(texts) == 2
    assert sum("lost its phase" in text and "Check the coupling" in text for text in texts) == 1
    assert sum("known error" in text for text in texts) == 1
    assert len(objects(aws, "new_errors/dt=")) == 1
    assert len(objects(aws, "quarantine/dt=")) == 2

    assert swept == {"quiet": 0, "asked": 0, "released": 0, "failed": 0}
    body = urlencode({"payload": json.dumps({"type": "block_actions"})}).encode()
    assert api(functions, "GET", "/health")[0] == 200
    assert api(functions, "POST", "/slack/actions", body, sign(body, "s3cret", time.time()))[0] == 200
    assert api(functions, "POST", "/slack/actions", body, sign(body, "wrong", time.time()))[0] == 401
    assert api(functions, "POST", "/slack/actions", body, sign(body, "s3cret", time.time() - 400))[0] == 401
    assert api(functions, "POST", "/slack/actions", body, {})[0] == 401
    assert api(functions, "POST", "/slack/actions", b"x=1", sign(b"x=1", "s3cret", time.time()))[0] == 400
    log = functions.close()
    metrics = emitted(log)
    first = next(entry for entry in metrics if entry["function"] == "analyze")
    wanted = {"records": 4, "again": 0, "lines": 4, "events": 3, "incidents": 2, "quarantined": 1}
    declared = {metric["Name"] for part in first["_aws"]["CloudWatchMetrics"] for metric in part["Metrics"]}
    assert declared == wanted.keys()
    assert {name: first[name] for name in wanted} == {name: [count] for name, count in wanted.items()}
    dollars = [entry["model_dollars"][0] for entry in metrics if entry["function"] == "diagnose"]
    assert dollars == [pytest.approx(spent(aws), abs=1e-6), 0.0]  # the second message asked no model
    said = [line for line in log.splitlines() if line and '"_aws"' not in line]
    assert sum('"message":"done"' in line for line in said) == len(metrics)
    assert [line for line in said if not line.startswith("{")] == []  # one logger, one line per entry
    assert "sk-test" not in log
    assert "s3cret" not in log


def test_a_message_that_was_taken_tells_how_long_its_line_took(aws: Account) -> None:
    functions = Functions(aws.endpoint)  # without a secret of Slack, the alert is in the log of the function
    logs = kinesis_event(LOGS, [fluent("ERROR yankee rotor stalled on rack 9")], first=1_000)
    arrived = logs["Records"][0]["kinesis"]["approximateArrivalTimestamp"]
    functions("analyze", logs)
    opened = kinesis_event(INCIDENTS, published(aws)[-1:])
    for _ in range(2):
        functions("alert", opened)
    took = time.time() - arrived
    functions("sweep", MINUTE)
    first, again, swept = (
        entry for entry in emitted(functions.close()) if entry["function"] in ("alert", "sweep")
    )
    assert (first["sent"], again["nothing"]) == ([1.0], [1.0])
    (latency,) = first["log_to_alert_ms"]
    assert 1_000 < latency < took * 1000
    units = {metric["Name"]: metric["Unit"] for metric in first["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert units["log_to_alert_ms"] == "Milliseconds"
    assert "log_to_alert_ms" not in again  # an earlier alert is neither sent nor measured again
    gauges = {name: count[0] for name, count in swept.items() if name.startswith("incidents_")}
    assert gauges.keys() == {
        "incidents_opened", "incidents_diagnosed", "incidents_quiet", "incidents_regressed", "incidents_muted",
    }  # fmt: skip
    assert gauges["incidents_opened"] >= 1


def test_what_comes_back_is_told_what_was_learnt_since_and_no_model_is_asked(
    aws: Account, model: ModelServer
) -> None:
    line = "ERROR zulu coupling lost its phase in the tower"
    functions = Functions(aws.endpoint, CALI_OPENAI_BASE_URL=model.url, CALI_MODEL="gpt-4.1-mini")
    functions("analyze", kinesis_event(LOGS, [fluent(line)], first=4_000))
    opened = loads(published(aws)[-1])
    functions("diagnose", kinesis_event(INCIDENTS, [dumps(opened)]))
    functions.close()
    store = DynamoIncidents(aws.client("dynamodb"), INCIDENTS_TABLE)
    told = store.get(opened.incident)
    assert told is not None
    assert told.incident.diagnosis is not None
    assert (told.incident.diagnosis.origin, model.calls) == (Origin.MODEL, 1)

    # Given that its cause was learnt overnight, and that a person resolved it
    objects = S3Objects(aws.client("s3"), BUCKET)
    coupling = KnowledgeEntry(
        id="learnt-coupling", title="A coupling lost its phase", area="learnt", symptoms=(line,), match=((r"coupling\s+lost\s+its\s+phase\s+in\s+the\s+tower",),),
        cause="The tower turned too far.", fix=("Turn it back.",), severity=Severity.ERROR, tags=("learnt",),
    )  # fmt: skip
    release = LearntKnowledge({coupling.id: coupling})
    Releases(objects, objects).change(
        lambda _: release, "2026-11-20", "2026-11-20T03:00:00Z", "learnt", load()
    )
    store.put(resolve(told, time.time() - 300).stored)

    # When it recurs, and each message is delivered twice
    try:
        functions = Functions(aws.endpoint, CALI_OPENAI_BASE_URL=model.url, CALI_MODEL="gpt-4.1-mini")
        back = kinesis_event(LOGS, [fluent(line, time=time.time())], first=4_001)
        for _ in range(2):
            functions("analyze", back)
        said = [body for body in published(aws) if loads(body).incident == opened.incident]
        for _ in range(2):
            functions("diagnose", kinesis_event(INCIDENTS, said))
        functions.close()
    finally:
        objects.drop("releases/current.json")

    # Then it has the new cause, and one alert
    stored = store.get(opened.incident)
    assert stored is not None
    assert stored.incident.status is Status.REGRESSED
    diagnosis = stored.incident.diagnosis
    assert diagnosis is not None
    assert (diagnosis.origin, diagnosis.cause) == (Origin.KNOWLEDGE, "The tower turned too far.")
    assert diagnosis.versions["knowledge"] != told.incident.diagnosis.versions["knowledge"]
    changes = [message for message in map(loads, published(aws)) if isinstance(message, Change)]
    kinds = [change.kind for change in changes if change.incident == opened.incident]
    assert kinds == [
        ChangeKind.OPENED,
        ChangeKind.DIAGNOSED,
        ChangeKind.RESOLVED,
        ChangeKind.REGRESSED,
        ChangeKind.DIAGNOSED,
    ]
    assert model.calls == 1


@pytest.mark.usefixtures("cache")
def test_the_same_lines_open_incidents_as_in_a_terminal(aws: Account, tmp_path: Path) -> None:
    call = 'Get "https://pricing/quote": context canceled'  # known as a warning, so often harmless
    lines = [fluent(text) for text in (call, f"WARN {call}", "write: no space left on device", "all is well")]
    log = tmp_path / "app.log"
    for chosen in (lines[:1], lines):
        log.write_bytes(b"\n".join(chosen))
        functions = Functions(aws.endpoint)
        functions("analyze", kinesis_event(LOGS, chosen, first=3_000 + 10 * len(chosen)))
        (counted,) = emitted(functions.close())
        assert counted["incidents"] == [analysed(log)["summary"]["findings"]]
    assert counted["incidents"] == [2]


def test_a_release_that_cannot_be_loaded_is_counted(aws: Account) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket=BUCKET, Key="releases/current.json", Body=b"no pointer")
    try:
        functions = Functions(aws.endpoint)
        for _ in range(2):
            functions("analyze", kinesis_event(LOGS, [fluent("INFO fine")], first=2_000))
        first, again = emitted(functions.close())
    finally:
        s3.delete_object(Bucket=BUCKET, Key="releases/current.json")
    assert first["release_failures"] == [1.0]
    assert "release_failures" not in again  # it checks once a minute, and sends nothing while all is well
    (part,) = first["_aws"]["CloudWatchMetrics"]
    assert (part["Namespace"], sorted(part["Dimensions"][0])) == ("CALI", ["function", "service"])


def api(
    functions: Functions, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    answer = functions(
        "api",
        {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": {**FORM, **(headers or {})} if method == "POST" else {},
            "multiValueHeaders": {},
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {"httpMethod": method, "resourcePath": path},
            "body": body.decode(),
            "isBase64Encoded": False,
        },
    )["result"]
    return answer["statusCode"], answer["body"]


def test_a_dependency_that_is_away_brings_the_whole_batch_back() -> None:
    functions = Functions("http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    logs = kinesis_event(LOGS, [fluent(UNKNOWN)])
    first = logs["Records"][0]["kinesis"]["sequenceNumber"]
    assert functions("analyze", logs) == {"result": {"batchItemFailures": [{"itemIdentifier": first}]}}
    functions.close()


def test_alerts_that_are_due_are_looked_at_though_the_log_stream_is_gone(aws: Account) -> None:
    functions = Functions(aws.endpoint, CALI_LOGS_STREAM="gone", AWS_MAX_ATTEMPTS="1")
    assert functions("sweep", MINUTE)["error"].startswith("Misconfigured: stream gone")
    (counted,) = emitted(functions.close())
    assert "alerts_looked" in counted


def test_what_is_not_configured_is_named() -> None:
    functions = Functions("http://127.0.0.1:9", CALI_INCIDENTS_TABLE="", CALI_LOGS_BUCKET="")
    said = functions("analyze", kinesis_event(LOGS, [fluent(UNKNOWN)]))
    assert said == {
        "error": "Misconfigured: CALI_LOGS_BUCKET, CALI_INCIDENTS_TABLE: not set in the environment"
    }
    functions.close()


def test_firehose_gets_an_answer_for_each_record() -> None:
    functions = Functions("http://127.0.0.1:9")
    data = [fluent("ERROR x of jane@example.com"), gzip.compress(b"INFO y"), b"\x1f\x8bno"]
    records = [{"recordId": f"{n}", "data": b64encode(raw).decode()} for n, raw in enumerate(data)]
    answer = functions("enrich", {"invocationId": "i", "records": records})["result"]["records"]
    assert [record["result"] for record in answer] == ["Ok", "Ok", "ProcessingFailed"]
    functions.close()

"""The adapters of AWS against an emulated account: stored values, rejected calls, and error messages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cali.adapters.aws.aws_clock import TOLERATED, AwsClock
from cali.adapters.aws.dynamodb_breaker import SharedBreaker
from cali.adapters.aws.dynamodb_incidents import DynamoIncidents
from cali.adapters.aws.dynamodb_shared import DynamoAnswers, DynamoBlobs, DynamoBudget, DynamoClaims
from cali.adapters.aws.kinesis import KinesisStream
from cali.adapters.aws.s3 import S3Objects
from cali.adapters.aws.secrets import KEPT, Secrets
from cali.adapters.slack.webhook import SlackWebhook
from cali.core.errors import Conflict, Misconfigured, Poison, Retryable
from cali.core.ports import StreamEntry
from cali.stages.reason import BreakerSettings
from cali.testing.clock import NOON, FakeClock
from tests.functional.aws_account import INCIDENTS, INCIDENTS_TABLE, LOGS, Account, account
from tests.functional.aws_fakes import Failing
from tests.stand_in import Asked, OneCallServer, Said

NOW = FakeClock(NOON).now


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with account() as made:
        made.make()
        yield made


@pytest.fixture
def dynamo(aws: Account) -> Any:
    return aws.client("dynamodb")


def test_entries_arrive_in_the_stream_however_many(aws: Account) -> None:
    kinesis = aws.client("kinesis")
    stream = KinesisStream(kinesis, INCIDENTS)
    stream.put(StreamEntry("k", f"{n}".encode()) for n in range(1234))
    shard = kinesis.list_shards(StreamName=INCIDENTS)["Shards"][0]["ShardId"]
    place = kinesis.get_shard_iterator(StreamName=INCIDENTS, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=place["ShardIterator"])["Records"]
    assert [record["Data"] for record in records] == [f"{n}".encode() for n in range(1234)]
    assert KinesisStream(kinesis, LOGS).shards() == [f"{LOGS}/shardId-000000000000"]
    name = f"{INCIDENTS}/{shard}"
    first, second = records[0], records[1]
    arrived = second["ApproximateArrivalTimestamp"].timestamp()
    assert stream.next_arrival(name, first["SequenceNumber"]) == arrived
    assert stream.next_arrival(name, records[-1]["SequenceNumber"]) is None


class Refusing:
    """A Kinesis that rejects entries: those whose places in the call are in the script's next set."""

    def __init__(self, *script: set[int]) -> None:
        self.script = list(script)
        self.calls: list[list[bytes]] = []

    def put_records(self, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.calls.append([record["Data"] for record in Records])
        refused = self.script.pop(0) if self.script else set()
        code = {"ErrorCode": "ProvisionedThroughputExceededException"}
        return {"Records": [code if n in refused else {} for n in range(len(Records))]}


def test_only_the_refused_part_is_put_again() -> None:
    clock = FakeClock()
    kinesis = Refusing({1, 3}, {0})
    KinesisStream(kinesis, "s", clock.sleep).put(StreamEntry("k", b"%d" % n) for n in range(5))
    assert kinesis.calls == [[b"0", b"1", b"2", b"3", b"4"], [b"1", b"3"], [b"1"]]
    first, second = clock.sleeps
    assert 0 < first < second


def test_a_stream_that_goes_on_refusing_says_how_much_is_left() -> None:
    kinesis = Refusing(*[{0}] * 20)
    with pytest.raises(Retryable, match="1 of 2 records were refused: Provisioned"):
        KinesisStream(kinesis, "s", FakeClock().sleep).put([StreamEntry("k", b"a"), StreamEntry("k", b"b")])


def test_a_missing_stream_table_or_bucket_is_misconfigured_in_one_line(aws: Account) -> None:
    calls = [
        lambda: KinesisStream(aws.client("kinesis"), "nowhere").put([StreamEntry("k", b"x")]),
        lambda: DynamoIncidents(aws.client("dynamodb"), "nowhere").get("x"),
        lambda: S3Objects(aws.client("s3"), "nowhere-1").put("k", b"x"),
    ]
    for call in calls:
        with pytest.raises(Misconfigured, match="nowhere") as said:
            call()
        assert "An error occurred" in str(said.value)
        assert "\n" not in str(said.value)


def test_nobody_at_the_address_is_retryable(aws: Account) -> None:
    away = Account("http://127.0.0.1:9")
    with pytest.raises(Retryable, match="table t"):
        DynamoIncidents(away.client("dynamodb"), "t").get("x")
    away.close()


def test_secrets_are_read_and_never_shown(aws: Account) -> None:
    client = aws.client("secretsmanager")
    client.create_secret(Name="cali/slack", SecretString=json.dumps({"webhook_url": "https://x", "n": 1}))
    client.create_secret(Name="cali/broken", SecretString="hunter2 is no JSON")
    secrets = Secrets(lambda: client)
    assert secrets.value("cali/slack", "webhook_url") == "https://x"
    assert secrets.value("cali/slack", "signing_secret", "") == ""
    for name, key in (("cali/slack", "other"), ("cali/slack", "n"), ("cali/broken", "x"), ("cali/none", "x")):
        with pytest.raises(Misconfigured, match=name) as said:
            secrets.value(name, key)
        assert "hunter2" not in str(said.value)


def test_a_secret_holds_while_nobody_answers_and_a_rotated_one_is_seen(aws: Account) -> None:
    # Given a secret that was read
    client = aws.client("secretsmanager")
    client.create_secret(Name="cali/rotated", SecretString=json.dumps({"bot_token": "old"}))
    away = Failing(client, [2], before=True, only="get_secret_value")
    secrets = Secrets(lambda: away, kept=0)
    assert secrets.value("cali/rotated", "bot_token") == "old"
    # When it is rotated during an outage, then the old value stays in use; and then the new one
    client.put_secret_value(SecretId="cali/rotated", SecretString=json.dumps({"bot_token": "new"}))
    assert secrets.value("cali/rotated", "bot_token") == "old"
    assert secrets.value("cali/rotated", "bot_token") == "new"
    assert KEPT <= 60


def test_a_mark_is_for_one_until_it_is_over_or_given_back(dynamo: Any) -> None:
    claims = DynamoClaims(dynamo, INCIDENTS_TABLE)
    assert claims.claim("m", NOON, 30)
    assert not claims.claim("m", NOON + 29, 30)
    assert claims.claim("m", NOON + 30, 30)
    claims.release("m")
    assert claims.claim("m", NOON, 30)


def test_answers_are_shared_and_claimed_by_one(dynamo: Any) -> None:
    answers = DynamoAnswers(dynamo, INCIDENTS_TABLE, NOW)
    assert answers.get("k") is None
    assert answers.claim("k", NOON, 60)
    assert not DynamoAnswers(dynamo, INCIDENTS_TABLE, NOW).claim("k", NOON + 1, 60)
    answers.put("k", '{"cause":"ü"}')
    answers.release("k")
    assert answers.get("k") == '{"cause":"ü"}'
    assert answers.claim("k", NOON, 60)


def test_a_cache_that_is_away_raises_nothing_and_lets_nobody_ask() -> None:
    away = Account("http://127.0.0.1:9")
    answers = DynamoAnswers(away.client("dynamodb"), "t", NOW)
    answers.put("k", "v")
    answers.release("k")
    assert answers.get("k") is None
    assert not answers.claim("k", NOON, 60)
    with pytest.raises(Retryable):
        DynamoBudget(away.client("dynamodb"), "t", NOW, 10, 1.0).take("day", 0.1)
    away.close()


def test_the_budget_of_a_day_holds_for_all_at_once(aws: Account, dynamo: Any) -> None:
    # One after the other instead of in threads: the emulated table does not lock between condition and write.
    budgets = [DynamoBudget(dynamo, INCIDENTS_TABLE, NOW, calls=10) for _ in range(4)]
    taken = [budget.take("2026-11-20", 0.01) for _ in range(5) for budget in budgets]
    assert sum(taken) == 10
    budget = DynamoBudget(dynamo, INCIDENTS_TABLE, NOW, calls=10)
    assert budget.spent("2026-11-20") == (10, 0.1)
    assert budget.take("2026-11-21", 0.01)


def test_money_is_a_limit_too_and_is_settled_exactly(dynamo: Any) -> None:
    budget = DynamoBudget(dynamo, INCIDENTS_TABLE, NOW, dollars=0.30)
    assert [budget.take("d", 0.1) for _ in range(4)] == [True, True, True, False]
    budget.settle("d", -0.05)
    assert not budget.take("d", 0.1)
    assert budget.take("d", 0.05)
    assert budget.spent("d") == (4, 0.3)
    assert not DynamoBudget(dynamo, INCIDENTS_TABLE, NOW, calls=0).take("e", 0.0)


def test_a_note_is_changed_only_by_who_read_it_last(dynamo: Any) -> None:
    notes = DynamoBlobs(dynamo, INCIDENTS_TABLE, NOW)
    assert notes.read("n") == (b"", 0)
    notes.write("n", b"one", 0)
    assert notes.read("n") == (b"one", 1)
    notes.write("n", b"two", 1)
    for late in (0, 1, 7):
        with pytest.raises(Conflict):
            notes.write("n", b"three", late)
    assert notes.read("n") == (b"two", 2)


def test_functions_leave_a_failing_model_alone_together(dynamo: Any) -> None:
    notes = DynamoBlobs(dynamo, INCIDENTS_TABLE, NOW)
    settings = BreakerSettings(failures=2, pause=30.0)
    one, other = SharedBreaker(notes, settings), SharedBreaker(notes, settings)
    one.failed(NOON)
    assert other.allows(NOON)
    other.failed(NOON)
    assert not one.allows(NOON + 29)
    assert other.allows(NOON + 31)
    assert not one.allows(NOON + 32), "one call alone tries"
    assert one.allows(NOON + 31 + 300), "the one that tried has died"
    one.succeeded()
    assert other.allows(NOON + 32)


class Chat(OneCallServer):
    """A webhook with scripted responses."""

    def __init__(self, *script: Said) -> None:
        self.bodies: list[Any] = []
        self._script = iter(script)
        super().__init__(self._next)
        self.url += "/services/SECRET"

    def _next(self, asked: Asked) -> Said:
        self.bodies.append(json.loads(asked.body))
        return next(self._script)


def test_slack_takes_a_message_or_says_what_to_do_about_it() -> None:
    chat = Chat(
        Said(200, b"ok"),
        Said(429, b"rate_limited", {"Retry-After": "7"}),
        Said(503),
        Said(400, b"invalid_blocks"),
        Said(404, b"no_service"),
    )
    webhook = SlackWebhook(lambda: chat.url)
    try:
        webhook.post({"text": "hä"})
        with pytest.raises(Retryable, match="429") as limited:
            webhook.post({})
        with pytest.raises(Retryable, match="503"):
            webhook.post({})
        with pytest.raises(Poison, match="invalid_blocks"):
            webhook.post({})
        with pytest.raises(Misconfigured, match="no_service"):
            webhook.post({})
    finally:
        chat.close()
    assert chat.bodies[0] == {"text": "hä"}
    assert limited.value.after == 7.0
    with pytest.raises(Retryable, match="cannot be reached") as away:
        webhook.post({})
    assert "SECRET" not in str(away.value)


def test_a_clock_that_is_wrong_by_more_than_a_lease_follows_the_clock_of_the_table(aws: Account) -> None:
    # Given a clock that stands in the far future
    clock, client = AwsClock(lambda: 1e10), aws.client("dynamodb")
    clock.follow(client)
    assert clock() == 1e10

    # When the table answers
    before = time.time()
    client.list_tables()

    # Then it shows the time of that answer, which has whole seconds
    assert before - 1.0 <= clock() <= time.time() + 1.0


def test_a_clock_that_is_nearly_right_stays_as_it_is() -> None:
    answer = SimpleNamespace(headers={"Date": "Mon, 30 Nov 2026 12:00:00 GMT"})
    noon = 1796040000.0
    events: dict[str, Any] = {}
    client = SimpleNamespace(meta=SimpleNamespace(events=SimpleNamespace(register=events.__setitem__)))
    shown = []
    for now in (noon + TOLERATED, noon + 101.0, noon - 101.0):
        clock = AwsClock(lambda now=now: now)  # type: ignore[misc]
        clock.follow(client)
        events["after-call"](http_response=answer, parsed={})
        shown.append(clock())
        events["after-call"](http_response=SimpleNamespace(headers={}), parsed={})
        assert clock() == shown[-1]

    assert shown == [noon + TOLERATED, noon + 0.5, noon + 0.5]

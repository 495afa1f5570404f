"""`cali doctor` on an emulated account: all checks pass as declared, then each part is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cali.adapters.aws import clients
from cali.adapters.aws.event_mappings import Mappings
from cali.adapters.aws.s3 import S3Objects
from cali.bootstrap.doctor import doctor_context
from cali.core.event_sources import SOURCES
from cali.core.settings import Settings
from cali.doctor import CheckResult, DoctorContext, State, account, deployed, examine, health, reach
from cali.stages.refine import book
from cali.testing.slack import TOKEN, Slack
from cali.usecases.releases import Releases
from cali_ops import chalice_config
from tests.functional.aws_account import BUCKET, INCIDENTS, INCIDENTS_TABLE, LOGS, REGION, Account
from tests.functional.aws_account import account as new_account
from tests.functional.shell import Ran, inside, outside

NOWHERE = "http://127.0.0.1:9"
STAGE = "dev"


def of(found: list[CheckResult], what: str) -> list[CheckResult]:
    return [one for one in found if one.what == what]


def red(found: list[CheckResult]) -> list[tuple[str, str]]:
    """Return the results that are not ok. Each must have a remedy."""
    assert all(one.then for one in found if one.state is not State.OK)
    return [(one.what, one.detail) for one in found if one.state is not State.OK]


@pytest.fixture(scope="module")
def aws() -> Iterator[Account]:
    with new_account() as made:
        made.make()
        made.client("dynamodb").update_continuous_backups(
            TableName=INCIDENTS_TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        made.client("s3").put_object(Bucket=BUCKET, Key="raw/dt=2026-11-20/a.gz", Body=b"x")
        for name, held in {
            "cali/slack": {"bot_token": TOKEN, "signing_secret": "s3cr3t-signing"},
            "cali/openai": {"api_key": "sk-of-openai"},
            "cali/hook": {"webhook_url": "https://hooks.example/x"},
            "cali/empty": {"api_key": ""},
        }.items():
            made.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(held))
        made.client("secretsmanager").create_secret(Name="cali/odd", SecretString="odd-secret-text")
        yield made


@pytest.fixture(scope="module")
def section(aws: Account) -> dict[str, Any]:
    """Return the functions as declared, deployed that way."""
    aws.client("iam").create_role(RoleName="cali", AssumeRolePolicyDocument="{}")
    held = {**chalice_config.local(), "bucket": BUCKET}
    declared = chalice_config.stage(STAGE, held)
    for function in chalice_config.FUNCTIONS:
        aws.client("lambda").create_function(
            FunctionName=deployed.deployed_name(STAGE, function.name),
            Runtime="python3.12",
            Role="arn:aws:iam::123456789012:role/cali",
            Handler="app.x",
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
            MemorySize=function.memory,
            Timeout=function.timeout,
            Environment={"Variables": declared["environment_variables"]},
        )
        if function.reserved is not None:
            aws.client("lambda").put_function_concurrency(
                FunctionName=deployed.deployed_name(STAGE, function.name),
                ReservedConcurrentExecutions=function.reserved,
            )
    for source in SOURCES.values():
        aws.client("lambda").create_event_source_mapping(
            FunctionName=f"cali-{STAGE}-{source.function}",
            EventSourceArn=f"arn:aws:kinesis:{REGION}:123456789012:stream/{source.stream}",
            StartingPosition="TRIM_HORIZON",
        )
    Mappings(aws.client("lambda"), STAGE, BUCKET).apply()
    return declared


@pytest.fixture
def context(aws: Account, section: dict[str, Any], cache: Path) -> DoctorContext:
    settings = Settings(
        stage=STAGE, logs_stream=LOGS, incidents_stream=INCIDENTS, incidents_table=INCIDENTS_TABLE, logs_bucket=BUCKET,
        slack_secret="cali/slack", openai_secret="cali/openai", slack_channel="C0LOCAL0001", cache_dir=str(cache),
    )  # fmt: skip
    return doctor_context(
        settings, aws.client, lambda: datetime.now(UTC).timestamp(), stage=STAGE, declared=section
    )


def changed(context: DoctorContext, **settings: str) -> DoctorContext:
    return replace(context, settings=replace(context.settings, **settings))  # type: ignore[arg-type]


def test_all_is_green_as_it_was_declared(context: DoctorContext) -> None:
    found = list(
        examine([account.credentials, *account.CHECKS, *deployed.CHECKS, health.iterator_age], context)
    )

    assert red(found) == []
    assert {one.what for one in found} == {
        "credentials", "stream", "table", "bucket", "secret", "releases", "event source", "function", "iterator age",
    }  # fmt: skip


def test_resources_that_are_not_there_fail_each_by_itself(context: DoctorContext) -> None:
    broken = changed(
        context,
        logs_stream="none",
        incidents_table="none",
        logs_bucket="cali-logs-000000000001",
        slack_secret="none",
    )

    found = red(list(examine(account.CHECKS, broken)))

    assert [what for what, _ in found] == ["stream", "table", "bucket", "secret", "releases"]
    assert all("none" in detail or "000000000001" in detail for _, detail in found)


def test_a_secret_that_cannot_be_used_is_told_and_not_shown(context: DoctorContext) -> None:
    odd = list(
        examine([account.secrets], changed(context, slack_secret="cali/odd", openai_secret="cali/empty"))
    )

    assert red(odd) == [("secret", "cali/empty: is empty"), ("secret", "cali/odd: is not a JSON object")]
    shown = str(list(examine([account.secrets], context)))
    assert "holds bot_token, signing_secret" in shown
    assert TOKEN not in shown


def test_a_bucket_without_raw_logs_and_a_table_without_a_way_back_warn(
    context: DoctorContext, aws: Account
) -> None:
    aws.client("s3").create_bucket(
        Bucket="cali-logs-empty", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    table = aws.new_table("no-way-back")

    found = list(
        examine(
            [account.bucket, account.table],
            changed(context, logs_bucket="cali-logs-empty", incidents_table=table),
        )
    )

    assert [one.what for one in found if one.state is State.WARN] == ["bucket", "table"]


def test_the_releases_in_force_are_told_and_a_damaged_one_fails(context: DoctorContext, aws: Account) -> None:
    s3 = aws.client("s3")
    objects = S3Objects(s3, BUCKET)
    made = book.learn("2026-11-20", ["the quota of tenant ada is used up"])
    current = Releases(objects, objects).publish_book(
        made, "2026-11-20", "2026-11-20T03:00:00Z", "learnt at night"
    )
    try:
        (whole,) = examine([account.releases], context)
        s3.put_object(Bucket=BUCKET, Key=f"releases/books/{current.versions.book}.json", Body=b"{}")
        (damaged,) = examine([account.releases], context)
    finally:
        for key in objects.keys("releases/"):
            s3.delete_object(Bucket=BUCKET, Key=key)

    assert whole.state is State.OK
    assert f"book {current.versions.book}, since 2026-11-20T03:00:00Z: learnt at night" in whole.detail
    assert (damaged.state, "damaged" in damaged.detail) == (State.FAIL, True)


def test_what_somebody_changed_of_a_mapping_or_a_function_fails(context: DoctorContext, aws: Account) -> None:
    functions = aws.client("lambda")
    mapping = functions.list_event_source_mappings(FunctionName="cali-dev-alert")["EventSourceMappings"][0]
    functions.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=77)
    functions.update_function_configuration(FunctionName="cali-dev-sweep", MemorySize=128)
    try:
        found = red(list(examine(deployed.CHECKS, context)))
    finally:
        functions.update_function_configuration(FunctionName="cali-dev-sweep", MemorySize=512)
        Mappings(functions, STAGE, BUCKET).apply()

    assert found == [
        ("event source", "alert: BatchSize is 77, should be 10"),
        ("function", "sweep: MemorySize is 128, should be 512"),
    ]


def test_a_stage_that_was_never_deployed_or_declared_is_told(context: DoctorContext) -> None:
    never = replace(context, stage="prod")
    undeclared = replace(never, declared=None)

    assert len(of(list(examine(deployed.CHECKS, never)), "function")) == len(chalice_config.FUNCTIONS)
    (missing,) = of(list(examine([deployed.functions], undeclared)), "functions")
    assert (missing.state, "nothing was declared" in missing.detail) == (State.WARN, True)


def test_a_function_that_is_behind_fails(context: DoctorContext, aws: Account) -> None:
    aws.client("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "IteratorAge",
                "Dimensions": [{"Name": "FunctionName", "Value": "cali-dev-analyze"}],
                "Value": 7_200_000.0,
                "Unit": "Milliseconds",
                "Timestamp": datetime.now(UTC) - timedelta(minutes=1),
            }
        ],
    )

    analyze, *others = examine([health.iterator_age], context)

    assert (analyze.state, analyze.detail) == (State.FAIL, "analyze: 7,200 s behind at most, more than 60 s")
    assert {one.state for one in others} == {State.OK}


def test_slack_takes_the_token_or_says_why_not(context: DoctorContext, aws: Account) -> None:
    with Slack().serve() as server:
        there = replace(context, slack_url=server.url)
        good = list(examine([reach.slack], there))
        aws.client("secretsmanager").update_secret(
            SecretId="cali/slack", SecretString='{"bot_token": "xoxb-withdrawn"}'
        )
        try:
            bad = list(examine([reach.slack], there))
        finally:
            held = json.dumps({"bot_token": TOKEN, "signing_secret": "s3cr3t-signing"})
            aws.client("secretsmanager").update_secret(SecretId="cali/slack", SecretString=held)
        silent = list(examine([reach.slack], replace(changed(there, slack_channel=""), slack_url=server.url)))
    away = list(examine([reach.slack], replace(context, slack_url=NOWHERE)))
    hook = list(examine([reach.slack], changed(context, slack_secret="cali/hook")))
    none = list(examine([reach.slack], changed(context, slack_secret="cali/empty")))

    assert [one.state for one in (*good, *hook)] == [State.OK] * 2
    assert good[0].detail == "the token is that of cali in Local"
    assert red(bad) == [("slack", "auth.test: invalid_auth")]
    assert red(silent) == [("slack", "no rules, and no channel for the bot")]
    assert [one.state for one in (*away, *none)] == [State.FAIL] * 2


def doctor(
    context: DoctorContext, aws: Account, monkeypatch: pytest.MonkeyPatch, config: Path, *options: object
) -> Ran:
    config.write_text(json.dumps({"stages": {STAGE: context.declared}}))
    for name, value in {
        "AWS_ENDPOINT_URL": aws.endpoint, "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    try:
        return inside("doctor", "--stage", STAGE, "--config", config, *options)
    finally:
        clients.client.cache_clear()


def test_the_command_looks_at_a_stage_by_its_declared_settings(
    context: DoctorContext, aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = doctor(context, aws, monkeypatch, tmp_path / "config.json", "--format", "json")

    seen = {(one["what"], one["state"]) for one in done.report["findings"]}
    assert {("stream", "ok"), ("function", "ok"), ("event source", "ok"), ("table", "ok")} <= seen
    assert done.code == int(any(state == "fail" for _, state in seen))


def test_without_credentials_nothing_on_aws_is_asked(
    context: DoctorContext, aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "config.json").write_text(json.dumps({"stages": {STAGE: context.declared}}))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    done = outside("doctor", "--stage", STAGE, "--config", tmp_path / "config.json")

    assert done.code == 1
    assert "fail  credentials     sts: Unable to locate credentials  -> set AWS_PROFILE" in done.text
    assert "\nok    stream" not in done.text
    assert "\nfail  stream" not in done.text

"""Resources on AWS: credentials, streams, table, bucket, secrets, and the releases that functions follow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cali.core.errors import CaliError
from cali.doctor.check import CheckResult, fail, ok, warn

if TYPE_CHECKING:
    from cali.doctor.context import DoctorContext

RAISED = "see that `make infra` has made it, and that these credentials may read it"


def credentials(context: DoctorContext) -> Iterator[CheckResult]:
    """Name the account and the role of the credentials."""
    with context.outside.aws_errors("sts"):
        answer = context.outside.client("sts").get_caller_identity()
        region = context.outside.client("sts").meta.region_name
    yield ok(
        "credentials", f"account {answer['Account']}, region {region}, {answer['Arn'].rpartition(':')[2]}"
    )


def streams(context: DoctorContext) -> Iterator[CheckResult]:
    """Check that both streams are active, and count their shards."""
    for name in (context.settings.logs_stream, context.settings.incidents_stream):
        if not name:
            continue
        try:
            with context.outside.aws_errors(f"stream {name}"):
                answer = context.outside.client("kinesis").describe_stream_summary(StreamName=name)[
                    "StreamDescriptionSummary"
                ]
        except CaliError as error:
            yield fail("stream", str(error), RAISED)
            continue
        hours, status = answer["RetentionPeriodHours"], answer["StreamStatus"]
        detail = f"{name}: {status.lower()}, {answer.get('OpenShardCount', '?')} shards, keeps {hours} hours"
        if status in ("ACTIVE", "UPDATING"):
            yield ok("stream", detail)
        else:
            yield fail("stream", detail, "wait until it is active; if it stays so, look at it in the console")


def table(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the table of incidents and its recovery."""
    name = context.settings.incidents_table
    if not name:
        return
    with context.outside.aws_errors(f"table {name}"):
        answer = context.outside.client("dynamodb").describe_table(TableName=name)["Table"]
        recovery = context.outside.client("dynamodb").describe_continuous_backups(TableName=name)
    status = answer["TableStatus"]
    detail = f"{name}: {status.lower()}, about {answer.get('ItemCount', 0):,} items"
    if status not in ("ACTIVE", "UPDATING"):
        yield fail("table", detail, "wait until it is active; if it stays so, look at it in the console")
        return
    yield ok("table", detail)
    point = recovery["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if point.get("PointInTimeRecoveryStatus") != "ENABLED":
        yield warn(
            "table",
            f"{name}: point-in-time recovery is off",
            "apply terraform/: it enables point-in-time recovery",
        )


def bucket(context: DoctorContext) -> Iterator[CheckResult]:
    """Check that the bucket of logs can be read, and that raw/ holds logs."""
    name = context.settings.logs_bucket
    if not name:
        return
    with context.outside.aws_errors(f"s3://{name}"):
        held = context.outside.client("s3").list_objects_v2(Bucket=name, Prefix="raw/dt=", MaxKeys=1)
    if held.get("KeyCount", 0):
        yield ok("bucket", f"s3://{name}: can be read, and holds raw logs")
    else:
        then = "if logs are sent, look at the Firehose's own log: /aws/kinesisfirehose/; cali replay needs these objects"
        yield warn("bucket", f"s3://{name}: can be read, and has nothing under raw/", then)


def secrets(context: DoctorContext) -> Iterator[CheckResult]:
    """Check that the named secrets exist and are JSON objects. Only their keys are shown."""
    wanted = context.settings
    for name in sorted({wanted.slack_secret, wanted.openai_secret, wanted.milvus_secret} - {""}):
        held, fault = secret(context, name)
        if fault is not None:
            yield fault
            continue
        full = sorted(key for key, value in held.items() if value)
        if full:
            yield ok("secret", f"{name}: holds {', '.join(full)}")
        else:
            yield warn("secret", f"{name}: is empty", "add its values; docs/access.md lists the keys")


def secret(context: DoctorContext, name: str) -> tuple[dict[str, str], CheckResult | None]:
    """Return the values of a secret, or the result that says why not. From then on no result shows these values."""
    try:
        with context.outside.aws_errors(f"secret {name}"):
            text = (
                context.outside.client("secretsmanager")
                .get_secret_value(SecretId=name)
                .get("SecretString", "")
            )
    except CaliError as error:
        return {}, fail("secret", str(error), "see that it is there, and that these credentials may read it")
    context.secrets.add(text)
    try:
        held = json.loads(text)
    except ValueError:
        held = None
    if not isinstance(held, dict):
        return {}, fail("secret", f"{name}: is not a JSON object", 'write it as {"key": "value"}')
    values = {str(key): str(value) for key, value in held.items()}
    context.secrets.update(values.values())
    return values, None


def releases(context: DoctorContext) -> Iterator[CheckResult]:
    """Check that the learnt knowledge and the book in force can be read."""
    name = context.settings.logs_bucket
    if not name:
        return
    from cali.stages.refine import masks
    from cali.stages.retrieve import knowledge

    releases_of_bucket = context.outside.releases(name)
    current = releases_of_bucket.current()
    versions = current.versions
    if not (versions.knowledge or versions.book):
        yield ok("releases", "none is in force; functions use what was shipped")
        return
    try:
        releases_of_bucket.knowledge(versions.knowledge, knowledge.load(cache=context.cache))
        releases_of_bucket.book(versions.book, masks.load().version)
    except CaliError as error:
        yield fail(
            "releases",
            str(error),
            "functions keep the release they have loaded; roll back with `cali release back`",
        )
        return
    told = [f"{kind} {version}" for kind, version in versions._asdict().items() if version]
    yield ok(
        "releases",
        f"{', '.join(told)}, since {current.at or 'an unknown time'}: {current.why or 'no reason given'}",
    )


CHECKS = (streams, table, bucket, secrets, releases)

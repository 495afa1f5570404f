"""Resources on AWS: credentials, streams, table, bucket, secrets, and the releases that functions follow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cali.adapters.aws import clients as aws
from cali.core.errors import CaliError
from cali.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from cali.doctor.world import World

RAISED = "see that `make infra` has made it, and that these credentials may read it"


def credentials(world: World) -> Iterator[Finding]:
    """Whose credentials these are."""
    with aws.said("sts"):
        said = world.client("sts").get_caller_identity()
        region = world.client("sts").meta.region_name
    yield ok("credentials", f"account {said['Account']}, region {region}, {said['Arn'].rpartition(':')[2]}")


def streams(world: World) -> Iterator[Finding]:
    """Both streams: active, with how many shards."""
    for name in (world.settings.logs_stream, world.settings.incidents_stream):
        if not name:
            continue
        try:
            with aws.said(f"stream {name}"):
                said = world.client("kinesis").describe_stream_summary(StreamName=name)[
                    "StreamDescriptionSummary"
                ]
        except CaliError as error:
            yield fail("stream", str(error), RAISED)
            continue
        hours, status = said["RetentionPeriodHours"], said["StreamStatus"]
        detail = f"{name}: {status.lower()}, {said.get('OpenShardCount', '?')} shards, keeps {hours} hours"
        if status in ("ACTIVE", "UPDATING"):
            yield ok("stream", detail)
        else:
            yield fail("stream", detail, "wait until it is active; if it stays so, look at it in the console")


def table(world: World) -> Iterator[Finding]:
    """The table of incidents."""
    name = world.settings.incidents_table
    if not name:
        return
    with aws.said(f"table {name}"):
        said = world.client("dynamodb").describe_table(TableName=name)["Table"]
        recovery = world.client("dynamodb").describe_continuous_backups(TableName=name)
    status = said["TableStatus"]
    detail = f"{name}: {status.lower()}, about {said.get('ItemCount', 0):,} items"
    if status not in ("ACTIVE", "UPDATING"):
        yield fail("table", detail, "wait until it is active; if it stays so, look at it in the console")
        return
    yield ok("table", detail)
    point = recovery["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if point.get("PointInTimeRecoveryStatus") != "ENABLED":
        yield warn(
            "table",
            f"{name}: cannot be taken back to an earlier time",
            "apply terraform/: it switches point-in-time recovery on",
        )


def bucket(world: World) -> Iterator[Finding]:
    """The bucket of logs: readable, and whether raw/ is written."""
    name = world.settings.logs_bucket
    if not name:
        return
    with aws.said(f"s3://{name}"):
        held = world.client("s3").list_objects_v2(Bucket=name, Prefix="raw/dt=", MaxKeys=1)
    if held.get("KeyCount", 0):
        yield ok("bucket", f"s3://{name}: can be read, and holds raw logs")
    else:
        then = "if logs are sent, look at the Firehose's own log: /aws/kinesisfirehose/; cali replay needs these objects"
        yield warn("bucket", f"s3://{name}: can be read, and has nothing under raw/", then)


def secrets(world: World) -> Iterator[Finding]:
    """The secrets that are named: there, and JSON objects. Of what is in them only the keys are told."""
    wanted = world.settings
    for name in sorted({wanted.slack_secret, wanted.openai_secret, wanted.milvus_secret} - {""}):
        held, fault = secret(world, name)
        if fault is not None:
            yield fault
            continue
        full = sorted(key for key, value in held.items() if value)
        if full:
            yield ok("secret", f"{name}: holds {', '.join(full)}")
        else:
            yield warn(
                "secret", f"{name}: is empty", "put its values in; docs/access.md says which keys it takes"
            )


def secret(world: World, name: str) -> tuple[dict[str, str], Finding | None]:
    """What a secret holds, or why it cannot be told. Its values are hidden from then on wherever they might show."""
    try:
        with aws.said(f"secret {name}"):
            text = world.client("secretsmanager").get_secret_value(SecretId=name).get("SecretString", "")
    except CaliError as error:
        return {}, fail("secret", str(error), "see that it is there, and that these credentials may read it")
    world.secrets.add(text)
    try:
        held = json.loads(text)
    except ValueError:
        held = None
    if not isinstance(held, dict):
        return {}, fail("secret", f"{name}: is not a JSON object", 'write it as {"key": "value"}')
    values = {str(key): str(value) for key, value in held.items()}
    world.secrets.update(values.values())
    return values, None


def releases(world: World) -> Iterator[Finding]:
    """Which learnt knowledge and which book are in force, and whether they can be read."""
    name = world.settings.logs_bucket
    if not name:
        return
    from cali.adapters.aws.s3 import S3Objects
    from cali.stages.refine import masks
    from cali.stages.retrieve import knowledge
    from cali.usecases.releases import Releases

    objects = S3Objects(world.client("s3"), name)
    kept = Releases(objects, objects)
    current = kept.current()
    versions = current.versions
    if not (versions.knowledge or versions.book):
        yield ok("releases", "none is in force; functions use what was shipped")
        return
    try:
        kept.knowledge(versions.knowledge, knowledge.load(cache=world.cache))
        kept.book(versions.book, masks.load().version)
    except CaliError as error:
        yield fail(
            "releases", str(error), "functions keep what they have loaded; go back with `cali release back`"
        )
        return
    told = [f"{kind} {version}" for kind, version in versions._asdict().items() if version]
    yield ok(
        "releases",
        f"{', '.join(told)}, since {current.at or 'an unknown time'}: {current.why or 'no reason given'}",
    )


CHECKS = (streams, table, bucket, secrets, releases)

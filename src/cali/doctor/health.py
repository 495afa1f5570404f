"""How the system does: how far readers are behind, and which limits of the account are near."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.adapters.aws import clients as aws
from cali.core.errors import CaliError
from cali.core.event_sources import SOURCES
from cali.doctor.deployed import deployed_name
from cali.doctor.finding import Finding, fail, ok, warn

if TYPE_CHECKING:
    from cali.doctor.world import World

LOOKED = timedelta(minutes=15)
NEAR = 0.8  # of a limit
LONG = {"diagnose": 300.0}  # seconds behind that are too many; the same as the alarms have
TOO_LONG = 60.0
UNRESERVED = 100  # executions that Lambda never lets anybody reserve


class Age(NamedTuple):
    """How far behind a reader was at most, in seconds; None when nothing was read."""

    function: str
    seconds: float | None


def iterator_age(world: World) -> Iterator[Finding]:
    """How old the lines were that each function read in the last quarter of an hour."""
    if not world.stage:
        return
    for function in SOURCES:
        yield aged(Age(function, _age(world, deployed_name(world.stage, function, world.installation))))


def aged(age: Age) -> Finding:
    """What an age means."""
    what = "iterator age"
    if age.seconds is None:
        return ok(what, f"{age.function}: nothing was read in the last {LOOKED.seconds // 60} minutes")
    limit = LONG.get(age.function, TOO_LONG)
    detail = f"{age.function}: {age.seconds:,.0f} s behind at most"
    then = "see docs/operations.md, the iterator age: errors of the function first, then its duration, then shards"
    if age.seconds >= limit:
        return fail(what, f"{detail}, more than {limit:,.0f} s", then)
    return (
        warn(what, f"{detail}, the alarm comes at {limit:,.0f} s", then)
        if age.seconds >= limit / 2
        else ok(what, detail)
    )


def shard_limit(world: World) -> Iterator[Finding]:
    """Shards of the account's region against its limit."""
    try:
        with aws.said("kinesis limits"):
            said = world.client("kinesis").describe_limits()
    except CaliError as error:
        yield _untold("shards", error)
        return
    then = "ask for more under Service Quotas, Kinesis, shards per Region"
    yield used("shards", int(said["OpenShardCount"]), int(said["ShardLimit"]), then)


def concurrency_limit(world: World) -> Iterator[Finding]:
    """The account's concurrent executions: how many ran at once in the last day, and what is left unreserved."""
    try:
        with aws.said("lambda limits"):
            said = world.client("lambda").get_account_settings()["AccountLimit"]
    except CaliError as error:
        yield _untold("concurrency", error)
        return
    limit, free = int(said["ConcurrentExecutions"]), int(said["UnreservedConcurrentExecutions"])
    then = "ask for more under Service Quotas, AWS Lambda, concurrent executions"
    ran = _most(world, "AWS/Lambda", "ConcurrentExecutions", [], timedelta(days=1))
    yield used("concurrency", int(ran or 0), limit, then)
    if free <= UNRESERVED:
        yield warn(
            "concurrency",
            f"{limit - free} of {limit} are reserved, so {free} are left for all other functions",
            then,
        )


def quotas(world: World) -> Iterator[Finding]:
    """What Service Quotas says of this account beside the shards: whether new accounts' low limits still hold."""
    try:
        with aws.said("service quotas"):
            said = world.client("service-quotas").get_service_quota(
                ServiceCode="lambda", QuotaCode="L-B99A9384"
            )["Quota"]
    except CaliError as error:
        yield _untold("quotas", error)
        return
    limit = int(said["Value"])
    if limit < 1000:
        then = "ask for the usual 1,000 under Service Quotas, AWS Lambda, concurrent executions"
        yield warn("quotas", f"lambda concurrent executions: {limit}, as of a new account", then)
    else:
        yield ok("quotas", f"lambda concurrent executions: {limit:,}")


def used(what: str, count: int, limit: int, then: str) -> Finding:
    """How much of a limit is used."""
    detail = f"{count:,} of {limit:,} are in use"
    if limit and count >= limit:
        return fail(what, detail, then)
    return warn(what, detail, then) if limit and count >= NEAR * limit else ok(what, detail)


def _untold(what: str, error: CaliError) -> Finding:
    """A limit that cannot be read is no fault of the system, but nobody will see that it is near."""
    return warn(what, str(error), "let these credentials read it, or look at Service Quotas in the console")


def _age(world: World, function: str) -> float | None:
    dimensions = [{"Name": "FunctionName", "Value": function}]
    milliseconds = _most(world, "AWS/Lambda", "IteratorAge", dimensions, LOOKED)
    return None if milliseconds is None else milliseconds / 1000


def _most(
    world: World, space: str, metric: str, dimensions: Sequence[dict[str, str]], span: timedelta
) -> float | None:
    """The maximum of a metric over the last while; None without data."""
    end = datetime.fromtimestamp(world.now(), UTC)
    with aws.said(f"metric {metric}"):
        said: dict[str, Any] = world.client("cloudwatch").get_metric_statistics(
            Namespace=space,
            MetricName=metric,
            Dimensions=list(dimensions),
            StartTime=end - span,
            EndTime=end,
            Period=max(60, int(span.total_seconds()) // 15 // 60 * 60),
            Statistics=["Maximum"],
        )
    points = [float(point["Maximum"]) for point in said["Datapoints"]]
    return max(points, default=None)


CHECKS = (iterator_age, shard_limit, concurrency_limit, quotas)

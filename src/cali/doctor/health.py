"""Health checks: the delay of the functions, and the use of the account's limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from cali.core.errors import CaliError
from cali.core.event_sources import SOURCES
from cali.doctor.check import CheckResult, fail, ok, warn
from cali.doctor.deployed import deployed_name

if TYPE_CHECKING:
    from cali.doctor.context import DoctorContext

LOOKED = timedelta(minutes=15)
NEAR = 0.8  # share of a limit from which the check warns
LONG = {"diagnose": 300.0}  # maximum delay in seconds, the same as in the alarms
TOO_LONG = 60.0
UNRESERVED = 100  # executions that Lambda never lets an account reserve


class Age(NamedTuple):
    """Maximum delay of a reader in seconds, or None if nothing was read."""

    function: str
    seconds: float | None


def iterator_age(context: DoctorContext) -> Iterator[CheckResult]:
    """Check the age of the records that each function read in the last 15 minutes."""
    if not context.stage:
        return
    for function in SOURCES:
        yield aged(Age(function, _age(context, deployed_name(context.stage, function, context.installation))))


def aged(age: Age) -> CheckResult:
    """Rate an age against the limit of its alarm."""
    what = "iterator age"
    if age.seconds is None:
        return ok(what, f"{age.function}: nothing was read in the last {LOOKED.seconds // 60} minutes")
    limit = LONG.get(age.function, TOO_LONG)
    detail = f"{age.function}: {age.seconds:,.0f} s behind at most"
    then = "see docs/operations.md, the iterator age: errors of the function first, then its duration, then shards"
    if age.seconds >= limit:
        return fail(what, f"{detail}, more than {limit:,.0f} s", then)
    return (
        warn(what, f"{detail}, the alarm threshold is {limit:,.0f} s", then)
        if age.seconds >= limit / 2
        else ok(what, detail)
    )


def shard_limit(context: DoctorContext) -> Iterator[CheckResult]:
    """Compare the shards of the region with their limit."""
    try:
        with context.outside.aws_errors("kinesis limits"):
            answer = context.outside.client("kinesis").describe_limits()
    except CaliError as error:
        yield _unreadable("shards", error)
        return
    then = "ask for more under Service Quotas, Kinesis, shards per Region"
    yield used("shards", int(answer["OpenShardCount"]), int(answer["ShardLimit"]), then)


def concurrency_limit(context: DoctorContext) -> Iterator[CheckResult]:
    """Check how many executions ran at once in the last day, and how many are left unreserved."""
    try:
        with context.outside.aws_errors("lambda limits"):
            answer = context.outside.client("lambda").get_account_settings()["AccountLimit"]
    except CaliError as error:
        yield _unreadable("concurrency", error)
        return
    limit, free = int(answer["ConcurrentExecutions"]), int(answer["UnreservedConcurrentExecutions"])
    then = "ask for more under Service Quotas, AWS Lambda, concurrent executions"
    ran = _most(context, "AWS/Lambda", "ConcurrentExecutions", [], timedelta(days=1))
    yield used("concurrency", int(ran or 0), limit, then)
    if free <= UNRESERVED:
        yield warn(
            "concurrency",
            f"{limit - free} of {limit} are reserved, so {free} are left for all other functions",
            then,
        )


def quotas(context: DoctorContext) -> Iterator[CheckResult]:
    """Check whether the low concurrency limit of a new account still holds."""
    try:
        with context.outside.aws_errors("service quotas"):
            answer = context.outside.client("service-quotas").get_service_quota(
                ServiceCode="lambda", QuotaCode="L-B99A9384"
            )["Quota"]
    except CaliError as error:
        yield _unreadable("quotas", error)
        return
    limit = int(answer["Value"])
    if limit < 1000:
        then = "ask for the usual 1,000 under Service Quotas, AWS Lambda, concurrent executions"
        yield warn("quotas", f"lambda concurrent executions: {limit}, as of a new account", then)
    else:
        yield ok("quotas", f"lambda concurrent executions: {limit:,}")


def used(what: str, count: int, limit: int, then: str) -> CheckResult:
    """Rate the use of a limit."""
    detail = f"{count:,} of {limit:,} are in use"
    if limit and count >= limit:
        return fail(what, detail, then)
    return warn(what, detail, then) if limit and count >= NEAR * limit else ok(what, detail)


def _unreadable(what: str, error: CaliError) -> CheckResult:
    """Warn of a limit that cannot be read, because its use cannot be checked."""
    return warn(
        what, str(error), "allow these credentials to read it, or check Service Quotas in the console"
    )


def _age(context: DoctorContext, function: str) -> float | None:
    dimensions = [{"Name": "FunctionName", "Value": function}]
    milliseconds = _most(context, "AWS/Lambda", "IteratorAge", dimensions, LOOKED)
    return None if milliseconds is None else milliseconds / 1000


def _most(
    context: DoctorContext, space: str, metric: str, dimensions: Sequence[dict[str, str]], span: timedelta
) -> float | None:
    """Return the maximum of a metric over the last `span`; None without data."""
    end = datetime.fromtimestamp(context.now(), UTC)
    with context.outside.aws_errors(f"metric {metric}"):
        answer: dict[str, Any] = context.outside.client("cloudwatch").get_metric_statistics(
            Namespace=space,
            MetricName=metric,
            Dimensions=list(dimensions),
            StartTime=end - span,
            EndTime=end,
            Period=max(60, int(span.total_seconds()) // 15 // 60 * 60),
            Statistics=["Maximum"],
        )
    points = [float(point["Maximum"]) for point in answer["Datapoints"]]
    return max(points, default=None)


CHECKS = (iterator_age, shard_limit, concurrency_limit, quotas)

"""One invocation: its parts from bootstrap, its log, its metrics, its trace, and what Lambda wants to hear.

Nothing is built and nothing heavy imported before the first invocation.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from typing import Any

from cali.bootstrap.aws import cloud, release_failures
from cali.core.errors import Poison, Retryable

NAMESPACE = "CALI"
SERVICE = "cali"  # a dimension of every metric; what reads them names it too
ENOUGH = 20.0  # seconds that a message may take; with less, what is left of its batch comes again


class Seen:
    """What an invocation counts: metrics in CloudWatch's embedded format, and one log line at its end."""

    def __init__(self, function: str, context: Any = None) -> None:
        self._function = function
        self._context = context
        self._counts: dict[str, float] = {}
        self._times: dict[str, list[float]] = {}

    def needs(self, seconds: float) -> None:
        """Raises Retryable when less than that is left of the invocation."""
        left = getattr(self._context, "get_remaining_time_in_millis", None)
        if left is not None and left() < seconds * 1000:
            raise Retryable("no time is left for it in this invocation")

    def add(self, **counts: float) -> None:
        for name, value in counts.items():
            self._counts[name] = self._counts.get(name, 0) + value

    def took(self, **milliseconds: float) -> None:
        """Each value is kept, so that CloudWatch can tell percentiles."""
        for name, value in milliseconds.items():
            self._times.setdefault(name, []).append(round(value, 1))

    def warn(self, line: str) -> None:
        logger().warning(line, function=self._function)

    def flush(self) -> None:
        if not self._counts:
            return
        from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

        logger().info("done", function=self._function, **self._counts, **self._times)
        metrics = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
        metrics.add_dimension("function", self._function)
        for name, values in self._times.items():
            for value in values:  # with each hundredth, Powertools sends what it has
                metrics.add_metric(name, MetricUnit.Milliseconds, value)
        for name, value in self._counts.items():
            metrics.add_metric(name, MetricUnit.Count, value)
        metrics.flush_metrics()


@cache
def logger() -> Any:
    from aws_lambda_powertools.logging import Logger

    return Logger(service="cali-functions")  # a logger called `cali` is Chalice's own


@cache
def tracer() -> Any:
    """X-Ray, where Lambda traces; it does nothing elsewhere. Clients are not patched: that would import them all."""
    from aws_lambda_powertools.tracing import Tracer

    return Tracer(service=SERVICE, auto_patch=False)


@contextmanager
def observed(function: str, context: Any) -> Iterator[Seen]:
    """Counts, logs and traces what happens inside. Log lines carry the id of the request."""
    seen, failures = Seen(function, context), release_failures()
    logger().append_keys(request=getattr(context, "aws_request_id", ""))
    with tracer().provider.in_subsegment(f"## {function}"):
        try:
            yield seen
        finally:
            if release_failures() > failures:  # nothing is sent, and paid for, while all is well
                seen.add(release_failures=release_failures() - failures)
            seen.flush()


def analyze(event: dict[str, Any], seen: Seen) -> dict[str, Any]:
    """A batch of the log stream. It comes again from its first record on when a dependency failed."""
    failures = []
    for shard, items in groupby(event["Records"], _shard):
        batch = list(items)
        try:
            report = cloud().analyze.batch(shard, batch)
        except Retryable as error:
            seen.warn(f"{shard}: the batch is to come again: {error}")
            failures.append({"itemIdentifier": batch[0]["kinesis"]["sequenceNumber"]})
            continue
        seen.add(
            records=report.records,
            again=report.again,
            lines=report.lines,
            events=report.events,
            incidents=report.incidents,
            quarantined=report.quarantined,
        )
    return {"batchItemFailures": failures}


def messages(event: dict[str, Any], function: str, seen: Seen) -> dict[str, Any]:
    """A batch of the incidents stream, each message by itself. It comes again from the first that failed."""
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    from cali.core.life import Change
    from cali.usecases.publish_changes import loads

    service = getattr(cloud(), function)

    def one(record: Any) -> None:
        try:
            message = loads(b64decode(record.kinesis.data))
        except (Poison, ValueError) as error:
            cloud().keep_unread(record.event_id, record.kinesis.data, str(error))
            seen.add(quarantined=1)
            return
        try:
            seen.needs(ENOUGH)
            done = service.message(message).value
            seen.add(**{done: 1})
            arrived = message.arrived if isinstance(message, Change) else None
            if function == "alert" and done == "sent" and arrived is not None:
                seen.took(log_to_alert_ms=cloud().age(arrived) * 1000)
        except Exception as error:
            seen.warn(f"{message.incident}: the message is to come again: {type(error).__name__}: {error}")
            seen.add(failed=1)
            raise

    processor = BatchProcessor(EventType.KinesisDataStreams, raise_on_entire_batch_failure=False)
    answer: dict[str, Any] = process_partial_response(event, one, processor)  # type: ignore[assignment]
    return answer


def diagnose(event: dict[str, Any], seen: Seen) -> dict[str, Any]:
    """A batch of the incidents stream for `diagnose`, and what it cost: the alarm `model-spend` adds that up."""
    service = cloud().diagnose
    before = service.dollars
    try:
        return messages(event, "diagnose", seen)
    finally:
        seen.add(model_dollars=service.dollars - before)


def enrich(event: dict[str, Any], seen: Seen) -> dict[str, Any]:
    """What Firehose is about to write."""
    records = cloud().enrich.records(event["records"])
    for record in records:
        seen.add(**{record["result"]: 1})
    return {"records": records}


def sweep(seen: Seen) -> dict[str, int]:
    """What nobody else does. What is wrong with incidents keeps no alert that is due from being sent."""
    try:
        swept = cloud().sweep.run()
    finally:
        flushed = cloud().alert.run()
        seen.add(alerts_looked=flushed.looked, alerts_sent=flushed.sent, alerts_later=flushed.later)
    counts = {"quiet": swept.quiet, "asked": swept.asked, "released": swept.released, "failed": swept.failed}
    seen.add(**counts)
    seen.add(**cloud().sweep.standing())
    return counts


def health() -> dict[str, str]:
    """That the function answers, and which one it is."""
    return {"status": "ok", "stage": cloud().settings.stage}


def slack_action(headers: Mapping[str, str], body: bytes) -> int:
    """The status for a request that says it comes from Slack; see `cali.usecases.answer_alert`."""
    status = cloud().desk.request(headers, body)
    if status.why:
        logger().info(status.why, function="api", status=status.code)
    return status.code


def _shard(record: Mapping[str, Any]) -> str:
    """`<stream>/<shard>`, by which a shard is known everywhere."""
    stream = record["eventSourceARN"].rsplit("/", 1)[-1]
    return f"{stream}/{record['eventID'].split(':', 1)[0]}"

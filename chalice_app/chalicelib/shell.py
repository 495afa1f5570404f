"""One invocation of a function: parts from bootstrap, log, metrics, trace, and the response to Lambda.

Nothing is built and nothing heavy is imported before the first invocation.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from typing import Any

from cali.bootstrap.aws import aws_parts, release_failures
from cali.core.errors import Poison, Retryable

NAMESPACE = "CALI"
SERVICE = "cali"  # a dimension of every metric; dashboards and alarms name it too
ENOUGH = 20.0  # seconds reserved for a message; with less time left, Lambda retries the rest of the batch


class InvocationMetrics:
    """Counts and times of one invocation: metrics in CloudWatch's embedded format, and one log line at its end."""

    def __init__(self, function: str, context: Any = None) -> None:
        self._function = function
        self._context = context
        self._counts: dict[str, float] = {}
        self._times: dict[str, list[float]] = {}

    def needs(self, seconds: float) -> None:
        """Raise Retryable if less than this time is left."""
        left = getattr(self._context, "get_remaining_time_in_millis", None)
        if left is not None and left() < seconds * 1000:
            raise Retryable(f"less than {seconds:.0f} seconds are left in this invocation")

    def add(self, **counts: float) -> None:
        for name, value in counts.items():
            self._counts[name] = self._counts.get(name, 0) + value

    def took(self, **milliseconds: float) -> None:
        """Add one value to each metric. CloudWatch computes percentiles from the single values."""
        for name, value in milliseconds.items():
            self._times.setdefault(name, []).append(round(value, 1))

    def warn(self, line: str) -> None:
        logger().warning(line, function=self._function)

    def flush(self) -> None:
        if not self._counts:
            return
        from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

        logger().info("done", function=self._function, **self._counts, **self._times)
        sent = EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)
        sent.add_dimension("function", self._function)
        for name, values in self._times.items():
            for value in values:  # Powertools sends a metric after each hundred values
                sent.add_metric(name, MetricUnit.Milliseconds, value)
        for name, value in self._counts.items():
            sent.add_metric(name, MetricUnit.Count, value)
        sent.flush_metrics()


@cache
def logger() -> Any:
    from aws_lambda_powertools.logging import Logger

    return Logger(service="cali-functions")  # a logger called `cali` is Chalice's own


@cache
def tracer() -> Any:
    """Return the tracer of X-Ray, which does nothing outside Lambda.

    Clients are not patched, because that would import all of them.
    """
    from aws_lambda_powertools.tracing import Tracer

    return Tracer(service=SERVICE, auto_patch=False)


@contextmanager
def observed(function: str, context: Any) -> Iterator[InvocationMetrics]:
    """Count, log and trace an invocation. Log lines carry the id of the request."""
    metrics, failures = InvocationMetrics(function, context), release_failures()
    logger().append_keys(request=getattr(context, "aws_request_id", ""))
    with tracer().provider.in_subsegment(f"## {function}"):
        try:
            yield metrics
        finally:
            if release_failures() > failures:  # sending no metric costs nothing
                metrics.add(release_failures=release_failures() - failures)
            metrics.flush()


def analyze(event: dict[str, Any], metrics: InvocationMetrics) -> dict[str, Any]:
    """Analyze a batch of the log stream. If a dependency fails, Lambda repeats the batch from its first record."""
    failures = []
    for shard, items in groupby(event["Records"], _shard):
        batch = list(items)
        try:
            report = aws_parts().analyze.batch(shard, batch)
        except Retryable as error:
            metrics.warn(f"{shard}: the batch will be repeated: {error}")
            failures.append({"itemIdentifier": batch[0]["kinesis"]["sequenceNumber"]})
            continue
        metrics.add(
            records=report.records,
            again=report.again,
            lines=report.lines,
            events=report.events,
            incidents=report.incidents,
            quarantined=report.quarantined,
        )
    return {"batchItemFailures": failures}


def messages(event: dict[str, Any], service: Any, metrics: InvocationMetrics) -> dict[str, Any]:
    """Pass each message of a batch of the incidents stream to `service.message`.

    Lambda repeats the batch from the first message that failed.
    """
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    from cali.core.life import Change
    from cali.usecases.publish_changes import loads

    def one(record: Any) -> None:
        try:
            message = loads(b64decode(record.kinesis.data))
        except (Poison, ValueError) as error:
            aws_parts().quarantine_message(record.event_id, record.kinesis.data, str(error))
            metrics.add(quarantined=1)
            return
        try:
            metrics.needs(ENOUGH)
            done = service.message(message).value
            metrics.add(**{done: 1})
            arrived = message.arrived if isinstance(message, Change) else None
            if done == "sent" and arrived is not None:  # only the function `alert` returns this
                metrics.took(log_to_alert_ms=aws_parts().age(arrived) * 1000)
        except Exception as error:
            metrics.warn(f"{message.incident}: the message will be repeated: {type(error).__name__}: {error}")
            metrics.add(failed=1)
            raise

    processor = BatchProcessor(EventType.KinesisDataStreams, raise_on_entire_batch_failure=False)
    answer: dict[str, Any] = process_partial_response(event, one, processor)  # type: ignore[assignment]
    return answer


def alert(event: dict[str, Any], metrics: InvocationMetrics) -> dict[str, Any]:
    """Send the alerts for a batch of the incidents stream."""
    return messages(event, aws_parts().alert, metrics)


def diagnose(event: dict[str, Any], metrics: InvocationMetrics) -> dict[str, Any]:
    """Diagnose a batch of the incidents stream, and count the cost of the model for the alarm `model-spend`."""
    service = aws_parts().diagnose
    before = service.dollars
    try:
        return messages(event, service, metrics)
    finally:
        metrics.add(model_dollars=service.dollars - before)


def enrich(event: dict[str, Any], metrics: InvocationMetrics) -> dict[str, Any]:
    """Return the documents that Firehose writes."""
    records = aws_parts().enrich.records(event["records"])
    for record in records:
        metrics.add(**{record["result"]: 1})
    return {"records": records}


def sweep(metrics: InvocationMetrics) -> dict[str, int]:
    """Run the sweep, then send the alerts that are due, even if the sweep failed."""
    try:
        swept = aws_parts().sweep.run()
    finally:
        flushed = aws_parts().alert.run()
        metrics.add(alerts_looked=flushed.looked, alerts_sent=flushed.sent, alerts_later=flushed.later)
    counts = {"quiet": swept.quiet, "asked": swept.asked, "released": swept.released, "failed": swept.failed}
    metrics.add(**counts)
    metrics.add(**aws_parts().sweep.standing())
    return counts


def health() -> dict[str, str]:
    """Return the status of the function and its stage."""
    return {"status": "ok", "stage": aws_parts().settings.stage}


def slack_action(headers: Mapping[str, str], body: bytes) -> int:
    """Return the HTTP status for a request of Slack; see `cali.usecases.answer_alert`."""
    status = aws_parts().action_handler.request(headers, body)
    if status.why:
        logger().info(status.why, function="api", status=status.code)
    return status.code


def _shard(record: Mapping[str, Any]) -> str:
    """Return `<stream>/<shard>`, the name of a shard."""
    stream = record["eventSourceARN"].rsplit("/", 1)[-1]
    return f"{stream}/{record['eventID'].split(':', 1)[0]}"

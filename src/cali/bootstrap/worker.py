"""Composition of the jobs of `cali worker`. Each job reads a stream as an event source mapping does, or runs the
sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cali.adapters.aws import clients
from cali.adapters.aws.dynamodb_shared import DynamoBlobs
from cali.adapters.aws.kinesis_reader import StreamReader
from cali.bootstrap.aws import AwsParts
from cali.usecases.handle_messages import MessageHandler
from cali.usecases.poll_stream import StreamPoller
from cali.usecases.run_jobs import TURN

if TYPE_CHECKING:
    from cali.core.settings import Settings
    from cali.usecases.poll_stream import BatchHandler
    from cali.usecases.run_jobs import Turn

JOBS = ("analyze", "diagnose", "alert", "sweep")
BEHIND = 0.25  # seconds between two reads while more records wait; Kinesis allows five reads per second
SWEEP = 60.0  # seconds between two sweeps
MESSAGES = 10  # maximum records per batch of the incidents stream; a checkpoint follows each batch


def build_job(job: str, settings: Settings, say: Callable[[str], None]) -> Turn:
    """Return one turn of a job, with parts of its own. `say` writes a line to the log."""
    parts = AwsParts(settings, warn=say)
    if job == "sweep":
        return lambda: _sweep(parts, say)
    if job == "analyze":
        return _polling(settings, job, settings.logs_stream, _analyze(parts, say), settings.batch_size)

    def handle(message: Any) -> str:
        service = parts.renewed().alert if job == "alert" else parts.renewed().diagnose
        return service.message(message).value

    handler = MessageHandler(job, handle, parts.quarantine_message, say)
    return _polling(settings, job, settings.incidents_stream, handler, MESSAGES)


def _polling(settings: Settings, job: str, stream: str, handle: BatchHandler, limit: int) -> Turn:
    """Return a function that reads each shard of a stream once. Its checkpoints are in the table of incidents."""
    checkpoints = DynamoBlobs(clients.client("dynamodb"), settings.incidents_table, time.time)
    reader = StreamReader(clients.client("kinesis"), stream)
    poller = StreamPoller(reader, checkpoints, job, handle, limit, time.monotonic)

    def turn() -> float | None:
        polled = poller.turn()
        return None if polled.failed else BEHIND if polled.full else TURN

    return turn


def _sweep(parts: AwsParts, say: Callable[[str], None]) -> float | None:
    swept = parts.renewed().sweep.run()
    parts.alert.run()
    if swept.quiet or swept.released:
        say(f"sweep: {swept.quiet} quiet, {swept.released} released")
    return None if swept.failed else SWEEP


def _analyze(parts: AwsParts, say: Callable[[str], None]) -> BatchHandler:
    def handle(shard: str, items: Sequence[dict[str, Any]]) -> int:
        report = parts.renewed().analyze.batch(shard, items)  # Retryable: the whole batch is retried
        if report.incidents or report.quarantined:
            say(
                f"analyze: {shard}: {report.lines} lines, {report.incidents} incidents, {report.quarantined} quarantined"
            )
        return len(items)

    return handle

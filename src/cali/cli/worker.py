"""`cali worker`: runs the work of the Lambda functions in one long-lived process, for clusters and hosts."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from cali.bootstrap.aws import AwsParts
from cali.bootstrap.worker import stream_poller
from cali.core import settings
from cali.core.errors import CaliError, Misconfigured, Poison, Retryable
from cali.core.settings import Settings
from cali.usecases.poll_stream import BatchHandler
from cali.usecases.publish_changes import loads

JOBS = ("analyze", "diagnose", "alert", "sweep")
LOOK = 1.0  # seconds between two reads of a stream
FULL = 0.25  # seconds between two reads while there is a backlog; Kinesis allows five per second
MINUTE = 60.0  # seconds between two sweeps
LONGEST = 30.0  # maximum backoff in seconds while a service is unavailable
ATTEMPTS = 10  # attempts at a message that raises an unexpected exception, before it is quarantined
MESSAGES = 10  # messages per read; a checkpoint follows each read


@click.command("worker")
@click.option(
    "--do",
    "jobs",
    type=click.Choice(JOBS),
    multiple=True,
    help="Run only this job. Can be repeated.  [default: all four]",
)
@click.option(
    "--alive",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to touch while every job makes progress, for a liveness probe.",
)
def command(jobs: tuple[str, ...], alive: Path | None) -> int:
    """Run the work of the Lambda functions in one process: read the streams, find and explain incidents, send alerts.

    The worker reads CALI_LOGS_STREAM and CALI_INCIDENTS_STREAM on AWS. It stores its checkpoints in
    CALI_INCIDENTS_TABLE. It can run beside the functions: effects are idempotent. SIGTERM stops it after the current
    batch.
    """
    if alive is not None and not alive.parent.is_dir():
        raise Misconfigured(f"--alive {alive}: {alive.parent} is not a directory")
    chosen = settings.read(os.environ)
    chosen.need("logs_stream", "incidents_stream", "incidents_table", "logs_bucket")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    running = [_Job(name, chosen, stop) for name in dict.fromkeys(jobs or JOBS)]
    for job in running:
        job.start()
    try:
        while any(job.is_alive() for job in running):
            if alive is not None and all(job.gets_on() for job in running):
                alive.touch()
            for job in running:
                job.join(LOOK / len(running))
    finally:
        stop.set()  # also if the file cannot be touched: the jobs must not go on without a liveness signal
    for job in running:
        if job.error is not None:
            raise job.error
    return 0


class _Job(threading.Thread):
    """Thread of one job, with its own AwsParts: they are built lazily, which is not thread-safe."""

    def __init__(self, name: str, chosen: Settings, stop: threading.Event) -> None:
        super().__init__(name=name)
        self.error: CaliError | None = None
        self._chosen = chosen
        self._stopped = stop
        self._seen = time.monotonic()

    def gets_on(self) -> bool:
        return not self.is_alive() or time.monotonic() - self._seen < 2 * MINUTE

    def run(self) -> None:
        try:
            self._work()
        except CaliError as error:
            self.error = error
        except Exception as error:  # one line names the failure; the supervisor restarts the process
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            self.error = Misconfigured(f"{self.name}: {type(error).__name__} at {where}: {error}")
        if self.error is not None:
            self._stopped.set()

    def _work(self) -> None:
        turn = _turn(self.name, AwsParts(self._chosen, warn=_say))
        pause = LOOK
        while not self._stopped.is_set():
            try:
                told = turn()
                pause = told.pause if told.pause is not None else min(LONGEST, pause * 2)
            except Retryable as error:
                _say(f"{self.name}: will be retried: {error}")
                pause = min(LONGEST, pause * 2)
            self._seen = time.monotonic()
            self._stopped.wait(pause)


class _Told(NamedTuple):
    """Pause before the next turn. None means that the turn failed: back off."""

    pause: float | None


def _turn(job: str, cloud: AwsParts) -> Callable[[], _Told]:
    """Return a function that runs one turn of a job."""
    if job == "sweep":
        return lambda: _swept(cloud)
    chosen = cloud.settings
    stream, limit = chosen.incidents_stream, MESSAGES
    if job == "analyze":
        stream, limit = chosen.logs_stream, chosen.batch_size
    take: BatchHandler = _lines(cloud) if job == "analyze" else _Messages(cloud, job)
    poller = stream_poller(chosen, job, stream, take, limit)

    def turn() -> _Told:
        polled = poller.turn()
        return _Told(None if polled.failed else FULL if polled.full else LOOK)

    return turn


def _swept(cloud: AwsParts) -> _Told:
    swept = cloud.renewed().sweep.run()
    cloud.alert.run()
    if swept.quiet or swept.released:
        _say(f"sweep: {swept.quiet} quiet, {swept.released} released")
    return _Told(None if swept.failed else MINUTE)


def _lines(cloud: AwsParts) -> BatchHandler:
    def take(shard: str, items: Sequence[dict[str, Any]]) -> int:
        report = cloud.renewed().analyze.batch(shard, items)  # Retryable: the whole batch is retried
        if report.incidents or report.quarantined:
            _say(
                f"analyze: {shard}: {report.lines} lines, {report.incidents} incidents, {report.quarantined} quarantined"
            )
        return len(items)

    return take


class _Messages:
    """Handler of the incidents stream. It stops at the first message that must be retried."""

    def __init__(self, cloud: AwsParts, job: str) -> None:
        self._cloud = cloud
        self._job = job
        self._failures: dict[str, int] = {}

    def __call__(self, _shard: str, items: Sequence[dict[str, Any]]) -> int:
        parts = self._cloud.renewed()
        service = parts.alert if self._job == "alert" else parts.diagnose
        for place, item in enumerate(items):
            try:
                message = loads(b64decode(item["kinesis"]["data"]))
            except (Poison, ValueError) as error:
                self._aside(item, str(error))
                continue
            try:
                said = service.message(message).value
            except Exception as error:
                if not self._gives_up(item, error):
                    _say(f"{self._job}: {message.incident}: will be retried: {type(error).__name__}: {error}")
                    return place
                continue
            if said != "nothing":
                _say(f"{self._job}: {message.incident}: {said}")
        return len(items)

    def _gives_up(self, item: dict[str, Any], error: Exception) -> bool:
        """Return whether a message has no attempts left. Quarantine it in that case.

        A message that waits for a service or a setting is retried without limit: the stream keeps it.
        """
        if isinstance(error, Retryable | Misconfigured):
            return False
        tried = self._failures.pop(item["eventID"], 0) + 1
        if tried >= ATTEMPTS:
            self._aside(item, f"{type(error).__name__}: {error}")
            return True
        self._failures[item["eventID"]] = tried
        return False

    def _aside(self, item: dict[str, Any], why: str) -> None:
        self._cloud.quarantine_message(item["eventID"], item["kinesis"]["data"], why)
        _say(f"{self._job}: {item['eventID']}: quarantined: {why}")


def _say(line: str) -> None:
    click.echo(f"cali: {' '.join(line.split())}", err=True)

"""`cali worker`: the functions' work in a process that lives on, for clusters and hosts without Lambda."""

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
LOOK = 1.0  # seconds between two looks at a stream
FULL = 0.25  # seconds between two looks while more is behind; Kinesis allows five a second
MINUTE = 60.0  # between two sweeps
LONGEST = 30.0  # seconds between two attempts while something is away
ATTEMPTS = 10  # at a message that breaks our own code, before it is put aside
MESSAGES = 10  # at once; a checkpoint follows


@click.command("worker")
@click.option(
    "--do",
    "jobs",
    type=click.Choice(JOBS),
    multiple=True,
    help="Do this alone; may be given several times.  [default: all four]",
)
@click.option(
    "--alive",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Touch this file while every job gets on, for a liveness probe.",
)
def command(jobs: tuple[str, ...], alive: Path | None) -> int:
    """Do what the cloud functions do, in one process: read the streams, find incidents, explain them, alert.

    Reads CALI_LOGS_STREAM and CALI_INCIDENTS_STREAM on AWS and keeps its place in CALI_INCIDENTS_TABLE. A job that the
    functions do as well is done twice and has its effects once. SIGTERM ends it after the batch at hand.
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
        stop.set()  # the file cannot be touched: without this the jobs would go on, and nobody would know
    for job in running:
        if job.error is not None:
            raise job.error
    return 0


class _Job(threading.Thread):
    """One job with parts of its own: parts are made when first used, and that is not for two threads at once."""

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
        except Exception as error:  # one line says what broke; whoever started the process starts it again
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
                _say(f"{self.name}: to be tried again: {error}")
                pause = min(LONGEST, pause * 2)
            self._seen = time.monotonic()
            self._stopped.wait(pause)


class _Told(NamedTuple):
    """How long to wait before the next turn; None when something failed, and longer each time."""

    pause: float | None


def _turn(job: str, cloud: AwsParts) -> Callable[[], _Told]:
    """What a job does again and again."""
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
        report = cloud.renewed().analyze.batch(shard, items)  # Retryable: the whole batch comes again
        if report.incidents or report.quarantined:
            _say(
                f"analyze: {shard}: {report.lines} lines, {report.incidents} incidents, {report.quarantined} quarantined"
            )
        return len(items)

    return take


class _Messages:
    """Takes messages of the incidents stream one by one, up to the first that must come again."""

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
                    _say(f"{self._job}: {message.incident}: to come again: {type(error).__name__}: {error}")
                    return place
                continue
            if said != "nothing":
                _say(f"{self._job}: {message.incident}: {said}")
        return len(items)

    def _gives_up(self, item: dict[str, Any], error: Exception) -> bool:
        """Whether a message was tried often enough. One that waits for a service, or for a person, waits as long as it
        must: the stream keeps it."""
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
        _say(f"{self._job}: {item['eventID']}: put aside: {why}")


def _say(line: str) -> None:
    click.echo(f"cali: {' '.join(line.split())}", err=True)

"""Run jobs again and again, each in a thread of its own, until one fails or the process is asked to stop."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from cali.core.errors import CaliError, Misconfigured, Retryable

TURN = 1.0  # seconds between two turns of a job
LONGEST = 30.0  # seconds between two attempts while something is unavailable
STALLED = 120.0  # seconds without a turn after which a job counts as stalled

# One turn of a job. It returns the pause in seconds before the next turn; None means that the turn failed: back off.
Turn = Callable[[], float | None]


def run_jobs(
    jobs: dict[str, Callable[[], Turn]],
    stop: threading.Event,
    say: Callable[[str], None],
    alive: Callable[[], None] | None = None,
) -> None:
    """Run jobs until `stop` is set. `jobs` maps a name to a function that builds the job. Raise the error of a job
    that failed. `alive` is called about once a second while every job makes progress."""
    running = [_JobThread(name, build, stop, say) for name, build in jobs.items()]
    for job in running:
        job.start()
    try:
        while any(job.is_alive() for job in running):
            if alive is not None and all(job.makes_progress() for job in running):
                alive()
            for job in running:
                job.join(TURN / len(running))
    finally:
        stop.set()  # also if `alive` fails: the jobs must not go on without a liveness signal
    for job in running:
        if job.error is not None:
            raise job.error


class _JobThread(threading.Thread):
    """Thread of one job. It builds its own parts: they are built lazily, which is not thread-safe."""

    def __init__(
        self, name: str, build: Callable[[], Turn], stop: threading.Event, say: Callable[[str], None]
    ) -> None:
        super().__init__(name=name)
        self.error: CaliError | None = None
        self._build = build
        self._stopped = stop
        self._say = say
        self._turned_at = time.monotonic()

    def makes_progress(self) -> bool:
        return not self.is_alive() or time.monotonic() - self._turned_at < STALLED

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
        turn = self._build()
        pause = TURN
        while not self._stopped.is_set():
            try:
                wanted = turn()
                pause = wanted if wanted is not None else min(LONGEST, pause * 2)
            except Retryable as error:
                self._say(f"{self.name}: will be retried: {error}")
                pause = min(LONGEST, pause * 2)
            self._turned_at = time.monotonic()
            self._stopped.wait(pause)

"""Runs deployed functions in Lambda's own runtime client (awslambdaric), as Lambda does.

A Host manages the processes of one function. Each handles one invocation at a time and stays warm. Their number is
limited by the concurrency. A process is killed at the timeout or above its memory, and replaced after a crash. Each
process has a Runtime API of its own.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.cloud.artefact import Files, Function
from tests.cloud.aws import clean_environment, runtime_name
from tests.cloud.batches import Outcome
from tests.cloud.runtime_api import RuntimeApi

KEPT_LOG_LINES = 20_000
PYTHON = getattr(sys, "_base_executable", sys.executable)  # without development packages


class LogLine(NamedTuple):
    """One log line of a function, with its time."""

    at: float
    function: str
    text: str


Heard = Callable[[LogLine], None]


def _unheard(_: LogLine) -> None:
    pass


class Worker:
    """One process that runs one function, one invocation at a time."""

    def __init__(
        self, function: Function, files: Files, environment: dict[str, str], scratch: Path, heard: Heard
    ) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self.function = function
        self.api = RuntimeApi(function.arn)
        self._process = subprocess.Popen(
            [PYTHON, "-S", "-m", "awslambdaric", function.handler],
            cwd=files.task,
            env=_environment(function, files, environment, scratch, self.api.address),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()

    def invoke(self, payload: bytes) -> Outcome:
        """Deliver one event. A timeout or too much memory kills the process, as on Lambda."""
        outcome = self.api.invoke(payload, self.function.timeout)
        if outcome is None:
            self.kill()
            return Outcome(error=f"Task timed out after {self.function.timeout:.2f} seconds")
        used = self._memory()
        if used > self.function.memory:
            self.kill()
            return Outcome(error=f"Runtime.OutOfMemory: {used} MB used of {self.function.memory} MB")
        return outcome

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill with SIGKILL, even during an invocation."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self.api.close()

    def _listen(self, heard: Heard) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            heard(LogLine(time.time(), self.function.name, raw.decode(errors="replace").rstrip("\n")))
        self._process.wait()
        self.api.died(f"Runtime.ExitError: exit status {self._process.returncode}")
        self._process.stdout.close()

    def _memory(self) -> int:
        """Return the peak memory of the process in MB; 0 if the system does not report it."""
        with suppress(OSError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) // 1024
        return 0


class Host:
    """All processes of one function. `processes` is their maximum number without reserved concurrency."""

    def __init__(
        self, function: Function, files: Files, environment: dict[str, str], home: Path, processes: int = 2
    ) -> None:
        self.function = function
        self.lines: deque[LogLine] = deque(maxlen=KEPT_LOG_LINES)
        self.counts: Counter[str] = Counter()
        self.on_line: Heard = _unheard
        self._parts = (files, environment, home)
        limit = min(processes, function.concurrency or processes)
        self._free = threading.Semaphore(max(limit, 1))
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._closed = False

    def invoke(self, payload: bytes) -> Outcome:
        """Return the outcome of one invocation. Wait for a free process if all are busy."""
        with self._free:
            worker = self._take()
            try:
                outcome = worker.invoke(payload)
            finally:
                self._give_back(worker)
        with self._lock:
            self.counts["errors" if outcome.error else "invocations"] += 1
        if outcome.error and not self._closed:
            self._heard(LogLine(time.time(), self.function.name, f"[local cloud] {outcome.error[:2000]}"))
        return outcome

    def kill_one(self) -> bool:
        """Kill a process during an invocation. Return False if none is busy."""
        with self._lock:
            worker = self._busy[0] if self._busy else None
        if worker is None:
            return False
        self.counts["kills"] += 1
        worker.kill()
        return True

    def close(self) -> None:
        with self._lock:
            self._closed = True
            workers = [*self._idle, *self._busy]
            self._idle.clear()
        for worker in workers:
            worker.kill()

    def _take(self) -> Worker:
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{self.function.name}: invoked after its host was closed")
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    break
                worker.kill()
            else:
                self.counts["starts"] += 1
                files, environment, home = self._parts
                scratch = home / str(self.counts["starts"])
                worker = Worker(self.function, files, environment, scratch, self._heard)
            self._busy.append(worker)
        return worker

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._busy.remove(worker)
            if worker.alive and not self._closed:
                self._idle.append(worker)
                return
        worker.kill()

    def _heard(self, line: LogLine) -> None:
        self.lines.append(line)
        self.on_line(line)


def _environment(
    function: Function, files: Files, account: dict[str, str], scratch: Path, api: str
) -> dict[str, str]:
    return {
        "PATH": clean_environment().get("PATH", ""),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": str(scratch),
        "HOME": str(scratch),
        "PYTHONPATH": ":".join(map(str, files.path)),
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only on Lambda
        "PYTHONUNBUFFERED": "1",
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"[$LATEST]{scratch.name}",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime_name()}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": str(files.task),
        "_HANDLER": function.handler,
        **account,
        "AWS_ACCESS_KEY_ID": function.name,  # identifies its requests; see recorded.py
        **function.environment,
    }

"""Samples of memory and lag of a running cloud, about once a second."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.prove.broken import Breakable

EVERY = 1.0
STREAMED = ("analyze", "diagnose", "alert")


class Memory(NamedTuple):
    """The memory of a process, in MB."""

    at: float
    function: str
    process: int
    held: float


class Lag(NamedTuple):
    """The lag of the readers of the log stream and of the incidents stream."""

    at: float
    put: int
    done: int
    oldest: float  # age in seconds of the oldest record that analyze has not done
    waiting: dict[str, int]  # messages that diagnose and alert have not done


class Sampler:
    """A sampler in a thread of its own, from `begin` to `end`."""

    def __init__(self, cloud: Breakable) -> None:
        self.memory: list[Memory] = []
        self.lag: list[Lag] = []
        self._cloud = cloud
        self._begun = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="sample")

    def begin(self) -> None:
        self._begun = time.monotonic()
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        names = {deployed: name for name, deployed in self._cloud.names.items()}
        while not self._over.wait(EVERY):
            at = time.monotonic() - self._begun
            self.lag.append(self._lag(at, names))
            for deployed, host in self._cloud.fleet.hosts().items():
                with host._lock:
                    workers = [*host._idle, *host._busy]
                for worker in workers:
                    held = resident(worker._process.pid)
                    if held:
                        self.memory.append(
                            Memory(at, names.get(deployed, deployed), worker._process.pid, held)
                        )

    def _lag(self, at: float, names: dict[str, str]) -> Lag:
        fleet, now = self._cloud.fleet, time.time()
        done: dict[str, int] = dict.fromkeys(STREAMED, 0)
        oldest, messages = 0.0, 0
        with fleet._lock:
            pollers = {names[fleet._names[uuid]]: held for uuid, held in fleet._pollers.items()}
        for name, held in pollers.items():
            for poller in held:
                place = poller.progress.counts["done"]
                done[name] += place
                if name == "analyze":
                    first = poller._reader.rows(place, 1)
                    oldest = max(oldest, now - first[0].arrived) if first else oldest
        for poller in pollers.get("alert", ()):
            messages += poller._reader.end
        waiting = {name: messages - done[name] for name in ("diagnose", "alert")}
        return Lag(at, self._cloud.put, done["analyze"], oldest, waiting)


def resident(process: int) -> float:
    """Return the MB of a process in memory; 0 after its end."""
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0

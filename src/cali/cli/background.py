"""Asks for diagnoses beside the reading: a slow model never holds up a stream."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from cali.core.models import Diagnosis, Incident


class Background:
    """One thread that explains one incident after the other. What does not fit into its queue is not asked, and counted."""

    def __init__(self, explain: Callable[[Incident], Diagnosis], room: int = 50) -> None:
        self._explain = explain
        self._asked: queue.Queue[Incident] = queue.Queue(room)
        self._told: queue.SimpleQueue[tuple[str, Diagnosis | None]] = queue.SimpleQueue()
        self._open = 0
        self.left_out = 0
        # A daemon: whoever presses Ctrl-C does not wait for a model.
        threading.Thread(target=self._work, name="explain", daemon=True).start()

    def ask(self, incident: Incident) -> None:
        """Takes an incident, or counts it as left out. Never waits."""
        try:
            self._asked.put_nowait(incident)
            self._open += 1
        except queue.Full:
            self.left_out += 1

    def told(self) -> list[tuple[str, Diagnosis]]:
        """The diagnoses that were made since, by the incident's id. Never waits."""
        found = []
        while not self._told.empty():
            name, diagnosis = self._told.get()
            self._open -= 1
            if diagnosis is not None:
                found.append((name, diagnosis))
        return found

    def finish(self, seconds: float) -> list[tuple[str, Diagnosis]]:
        """What is still to come, waited for at most so long; the rest counts as left out."""
        deadline = time.monotonic() + seconds
        found = self.told()
        while self._open and time.monotonic() < deadline:
            time.sleep(0.02)
            found += self.told()
        self.left_out += self._open
        self._open = 0
        return found

    def _work(self) -> None:
        while True:
            incident = self._asked.get()
            try:
                diagnosis: Diagnosis | None = self._explain(incident)
            except Exception:  # one incident must not cost the others theirs
                diagnosis = None
            self._told.put((incident.id, diagnosis))

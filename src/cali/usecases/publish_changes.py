"""Publication of changes: store them with the incident, publish them, then mark them as published.

    read -> change -> put (retry on Conflict) -> publish the unsent changes -> put `sent`

After a crash in between, the changes are stored as unsent, and the next step of the incident publishes them. So a change
is published at least once, and always under the same number.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from cali.core.errors import Conflict, Poison
from cali.core.life import Change, ChangeKind
from cali.core.models import Severity
from cali.core.optimistic import update
from cali.core.ports import StreamEntry
from cali.stages.detect import sent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cali.core.life import StoredIncident
    from cali.core.ports import IncidentStore, OutputStream
    from cali.stages.detect import Outcome

    Step = Callable[[StoredIncident | None], Outcome | None]

ATTEMPTS = 12
THREADS = 8
HOPELESS = 16  # number of failures after which the remaining items are skipped, because each may take seconds
VERSION = 1
T = TypeVar("T")


class DiagnosisRequest(NamedTuple):
    """A request to diagnose an incident that has not changed."""

    incident: str


class ChangePublisher:
    """A service that applies steps to incidents and publishes the changes."""

    def __init__(self, store: IncidentStore, stream: OutputStream, sleep: Callable[[float], None]) -> None:
        self._store = store
        self._stream = stream
        self._sleep = sleep

    def apply(self, incident: str, step: Step) -> StoredIncident | None:
        """Return the incident after a step, stored and published. A step that returns None changes nothing."""
        stored, skipped = self._changed(incident, step)
        if stored is None or skipped or not stored.unsent:
            return stored
        self._publish([stored])
        return self._marked(stored)

    def apply_all(self, steps: Mapping[str, Step]) -> None:
        """Apply steps to several incidents and publish all their changes together.

        A step that fails does not stop the others, unless too many fail. Raise the first error at the end.
        """
        unsent: list[StoredIncident] = []

        def change(pair: tuple[str, Step]) -> None:
            stored, skipped = self._changed(*pair)
            if stored is not None and stored.unsent and not skipped:
                unsent.append(stored)

        failures = _each(change, list(steps.items()))
        if unsent:
            try:
                self._publish(unsent)
            except Exception as error:  # the step that failed first is the one to report
                failures.append(error)
            else:
                failures += _each(self._marked, unsent)
        if failures:
            raise failures[0]

    def ask(self, incidents: Sequence[str]) -> None:
        """Request the diagnosis of incidents."""
        self._stream.put(StreamEntry(name, dumps(DiagnosisRequest(name))) for name in incidents)

    def _changed(self, incident: str, step: Step) -> tuple[StoredIncident | None, bool]:
        """Return the incident after a step, stored, and whether the step returned None."""
        skipped = False

        def change(known: StoredIncident | None) -> StoredIncident | None:
            nonlocal skipped
            outcome = step(known)
            skipped = outcome is None
            return outcome.stored if outcome is not None and outcome.stored != known else None

        read = partial(self._store.get, incident)
        stored = update(read, change, self._store.put, f"incident {incident}", ATTEMPTS, self._sleep)
        return stored, skipped

    def _publish(self, incidents: Sequence[StoredIncident]) -> None:
        changes = [change for stored in incidents for change in stored.unsent]
        self._stream.put(StreamEntry(change.incident, dumps(change)) for change in changes)

    def _marked(self, stored: StoredIncident) -> StoredIncident:
        """Mark the changes of an incident as published."""
        try:
            return self._store.put(sent(stored, stored.unsent[-1].number))
        except Conflict:
            return stored  # the faster process read them as unsent, and publishes them under the same numbers


def _each(act: Callable[[T], object], items: Sequence[T]) -> list[Exception]:
    """Call `act` for each item, several in parallel, and return the errors. After HOPELESS errors, skip the rest."""
    failures: list[Exception] = []

    def tried(item: T) -> None:
        if len(failures) >= HOPELESS:
            return
        try:
            act(item)
        except Exception as error:  # returned, so that the other items are tried
            failures.append(error)

    if len(items) < 3:
        for item in items:
            tried(item)
    else:
        with ThreadPoolExecutor(min(THREADS, len(items))) as pool:
            list(pool.map(tried, items))
    return failures


def dumps(message: Change | DiagnosisRequest) -> bytes:
    """Return a message of the incidents stream: JSON on one line."""
    if isinstance(message, DiagnosisRequest):
        plain: dict[str, object] = {"v": VERSION, "type": "diagnose", "incident": message.incident}
    else:
        plain = {
            "v": VERSION,
            "type": "change",
            "incident": message.incident,
            "number": message.number,
            "kind": message.kind.value,
            "at": message.at,
            "severity": message.severity.label,
            "count": message.count,
            "by": message.by,
            "until": message.until,
            "arrived": message.arrived,
        }
    return json.dumps(plain, separators=(",", ":")).encode() + b"\n"


def loads(data: bytes) -> Change | DiagnosisRequest:
    """Parse a message of the incidents stream. Raise Poison if it is anything else."""
    try:
        plain = json.loads(data)
        if plain["type"] == "diagnose":
            return DiagnosisRequest(str(plain["incident"]))
        return Change(
            str(plain["incident"]),
            int(plain["number"]),
            ChangeKind(plain["kind"]),
            float(plain["at"]),
            Severity[plain["severity"].upper()],
            int(plain["count"]),
            str(plain.get("by", "")),
            None if plain.get("until") is None else float(plain["until"]),
            None if plain.get("arrived") is None else float(plain["arrived"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Poison(f"not a message about an incident: {type(error).__name__}: {error}") from error

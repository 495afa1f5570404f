"""Changes in the lives of incidents: kept first, then published, then marked as published.

    read -> change -> put (Conflict: again) -> publish what is unsent -> put `sent`

Whoever stops in between leaves the changes unsent, and whoever touches the incident next publishes them. So a change is
published at least once and always under the same number.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cali.adapters.aws.kinesis import Entry
from cali.core.errors import Conflict, Poison
from cali.core.life import Change, ChangeKind
from cali.core.models import Severity
from cali.core.optimistic import update
from cali.stages.detect import sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cali.core.life import StoredIncident
    from cali.core.ports import IncidentStore
    from cali.stages.detect import Outcome

    Step = Callable[[StoredIncident | None], Outcome | None]

ATTEMPTS = 12
THREADS = 8
HOPELESS = (
    16  # failures after which the rest waits for the next try: a table that is away takes seconds for each
)
VERSION = 1


class ChangeStream(Protocol):
    """Where changes are published."""

    def put(self, entries: Iterable[Entry]) -> None: ...


class DiagnosisRequest(NamedTuple):
    """A wish that an incident be diagnosed, for which nothing changed."""

    incident: str


class ChangePublisher:
    """Applies steps to incidents."""

    def __init__(self, store: IncidentStore, stream: ChangeStream, sleep: Callable[[float], None]) -> None:
        self._store = store
        self._stream = stream
        self._sleep = sleep

    def apply(self, incident: str, step: Step) -> StoredIncident | None:
        """Return the incident after a step, stored and published. A step that returns None changes nothing."""
        skipped = False

        def change(known: StoredIncident | None) -> StoredIncident | None:
            nonlocal skipped
            outcome = step(known)
            skipped = outcome is None
            return outcome.stored if outcome is not None and outcome.stored != known else None

        read = partial(self._store.get, incident)
        stored = update(read, change, self._store.put, f"incident {incident}", ATTEMPTS, self._sleep)
        return stored if stored is None or skipped else self._published(stored)

    def apply_all(self, steps: Mapping[str, Step]) -> None:
        """All steps, some at a time. One that fails does not keep the others from being tried, unless too many do."""
        failed: list[Exception] = []

        def tried(pair: tuple[str, Step]) -> None:
            if len(failed) >= HOPELESS:
                return
            try:
                self.apply(*pair)
            except Exception as error:  # raised again once the others were tried
                failed.append(error)

        if len(steps) < 3:
            for pair in steps.items():
                tried(pair)
        else:
            with ThreadPoolExecutor(min(THREADS, len(steps))) as pool:
                list(pool.map(tried, steps.items()))
        if failed:
            raise failed[0]

    def ask(self, incidents: Sequence[str]) -> None:
        """Asks for the diagnosis of incidents."""
        self._stream.put(Entry(name, dumps(DiagnosisRequest(name))) for name in incidents)

    def _published(self, stored: StoredIncident) -> StoredIncident:
        if not stored.unsent:
            return stored
        self._stream.put(Entry(change.incident, dumps(change)) for change in stored.unsent)
        try:
            return self._store.put(sent(stored, stored.unsent[-1].number))
        except Conflict:
            return stored  # whoever was faster has read them as unsent, and publishes them under the same numbers


def dumps(message: Change | DiagnosisRequest) -> bytes:
    """A message of the incidents stream: JSON on one line."""
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
    """What `dumps` wrote. Poison if it is anything else."""
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

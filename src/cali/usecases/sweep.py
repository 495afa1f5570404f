"""sweep: once a minute, set silent incidents to quiet, recover from crashes, and count incidents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cali.core.errors import CaliError, Retryable
from cali.core.models import Status
from cali.stages.detect import LifePolicy, Outcome, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cali.core.life import StoredIncident
    from cali.core.ports import IncidentStore
    from cali.usecases.analyze_batch import Analyze
    from cali.usecases.publish_changes import ChangePublisher

MOST = 500  # maximum incidents per sweep; the next sweep continues
UNEXPLAINED = 45.0  # seconds after which a missing diagnosis is asked for again
FORGOTTEN = 5.0  # seconds after which no batch will complete the pending blocks of a silent shard
# Counted each minute. DynamoDB charges for the items that it reads, about a kilobyte each: FULL items of a status cost some
# 125 read units a minute. A status with more items shows FULL.
COUNTED = (Status.OPENED, Status.DIAGNOSED, Status.QUIET, Status.REGRESSED, Status.MUTED)
FULL = 1_000
ACTIVE = (Status.OPENED, Status.DIAGNOSED, Status.REGRESSED)
UNDIAGNOSED = (Status.OPENED, Status.REGRESSED)  # diagnosed incidents must not use up the limit
HOPELESS = 5  # failures after which the rest waits for the next sweep; each may take seconds


class Shards(Protocol):
    """The shards of the log stream, each as `<stream>/<shard>`."""

    def shards(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class SweepReport:
    """Counts of one sweep. The next one retries what failed."""

    quiet: int = 0
    asked: int = 0
    released: int = 0
    failed: int = 0


class _SweepCount(NamedTuple):
    """Counts of one task of a sweep."""

    done: int = 0
    failed: int = 0
    error: CaliError | None = None  # the first one that is not Retryable


class Sweep:
    """The sweep. Two sweeps at the same time have the effect of one."""

    def __init__(
        self,
        store: IncidentStore,
        publisher: ChangePublisher,
        analyze: Analyze,
        shards: Shards,
        now: Callable[[], float],
        policy: LifePolicy | None = None,
        most: int = MOST,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._analyze = analyze
        self._shards = shards
        self._now = now
        self._policy = policy or LifePolicy()
        self._most = most

    def run(self) -> SweepReport:
        """Run all tasks. One task or incident that fails does not stop the others.

        Raise the first error that the next sweep will not mend, such as a denied call, after the other work is done.
        """
        now = self._now()
        tasks = (self._release, self._silence, self._publish, self._ask)
        counts = released, silent, _, asked = [_tried(task, now) for task in tasks]
        for count in counts:
            if count.error is not None:
                raise count.error
        return SweepReport(silent.done, asked.done, released.done, sum(count.failed for count in counts))

    def _release(self, _now: float) -> _SweepCount:
        return _each(partial(self._released, shard) for shard in self._shards.shards())

    def _silence(self, now: float) -> _SweepCount:
        before = now - self._policy.quiet_after
        # Two queries: incidents that are muted for ever are silent longest, and would use up the limit.
        silent = (self._store.find(statuses, self._most, before) for statuses in (ACTIVE, (Status.MUTED,)))
        return _each(partial(self._silenced, stored, now) for stored in chain.from_iterable(silent))

    def _publish(self, _now: float) -> _SweepCount:
        """Publish changes that a crash left unsent."""
        active = self._store.find(ACTIVE, self._most)
        return _each(partial(self._published, stored) for stored in active if stored.unsent)

    def _ask(self, now: float) -> _SweepCount:
        wanting = [
            stored.incident.id
            for stored in self._store.find(UNDIAGNOSED, self._most)
            if stored.incident.diagnosis is None and now - _since(stored) > UNEXPLAINED
        ]
        if wanting:
            self._publisher.ask(wanting)
        return _SweepCount(len(wanting))

    def _released(self, shard: str) -> int:
        return self._analyze.release(shard, FORGOTTEN).incidents

    def _silenced(self, stored: StoredIncident, now: float) -> int:
        swept = self._publisher.apply(stored.incident.id, partial(_swept, now=now, policy=self._policy))
        return swept is not None and swept.incident.status is Status.QUIET

    def _published(self, stored: StoredIncident) -> int:
        self._publisher.apply(stored.incident.id, _same)
        return 1

    def standing(self) -> dict[str, int]:
        """Return the number of incidents of each status, by the name of its metric. FULL means FULL or more.

        The result is empty if the table does not answer: a gauge must not fail a sweep.
        """
        try:
            return {gauge(status): self._store.count(status, FULL) for status in COUNTED}
        except Retryable:
            return {}


def gauge(status: Status) -> str:
    """Return the metric of a status."""
    return f"incidents_{status.value}"


def _tried(task: Callable[[float], _SweepCount], now: float) -> _SweepCount:
    try:
        return task(now)
    except CaliError as error:
        return _SweepCount(failed=1, error=_lasting(error))


def _each(steps: Iterable[Callable[[], int]]) -> _SweepCount:
    done = failed = 0
    first: CaliError | None = None
    for step in steps:
        try:
            done += step()
        except CaliError as error:
            failed += 1
            first = first or _lasting(error)
            if failed >= HOPELESS:
                break
    return _SweepCount(done, failed, first)


def _lasting(error: CaliError) -> CaliError | None:
    return None if isinstance(error, Retryable) else error


def _since(stored: StoredIncident) -> float:
    """Return since when an incident is known. `heard_at` alone is not enough: a busy incident always has a new one."""
    first = stored.incident.first_seen
    return stored.heard_at if first is None else min(first, stored.heard_at)


def _swept(known: StoredIncident | None, now: float, policy: LifePolicy) -> Outcome | None:
    return sweep(known, now, policy) if known else None


def _same(known: StoredIncident | None) -> Outcome | None:
    return Outcome(known) if known else None

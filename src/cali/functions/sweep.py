"""sweep: once a minute, what fell silent becomes quiet, what others left undone is done, and incidents are counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from cali.errors import Retryable
from cali.models import Status
from cali.stages.detect import LifePolicy, Outcome, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cali.functions.analyze import Analyze
    from cali.functions.lives import Lives
    from cali.life import Stored
    from cali.ports import IncidentStore

MOST = 500  # incidents in one sweep; the next one takes the rest
UNEXPLAINED = 45.0  # seconds after which a missing diagnosis is asked for again
FORGOTTEN = 5.0  # seconds after which nobody else will release what waits on a silent shard
# Counted each minute. DynamoDB charges for the items that it looks at, about a kilobyte each: a status that is full costs
# some 125 read units a minute. One that holds more shows as full.
COUNTED = (Status.OPENED, Status.DIAGNOSED, Status.QUIET, Status.REGRESSED, Status.MUTED)
FULL = 1_000
ACTIVE = (Status.OPENED, Status.DIAGNOSED, Status.REGRESSED)


class Shards(Protocol):
    """The shards of the log stream, by the names under which `analyze` gets their batches."""

    def shards(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did. `failed` incidents are taken up by the next one."""

    quiet: int = 0
    asked: int = 0
    released: int = 0
    failed: int = 0


class Sweep:
    """Sweeps. Doing so twice at the same time is as once."""

    def __init__(
        self,
        store: IncidentStore,
        lives: Lives,
        analyze: Analyze,
        shards: Shards,
        now: Callable[[], float],
        policy: LifePolicy | None = None,
    ) -> None:
        self._store = store
        self._lives = lives
        self._analyze = analyze
        self._shards = shards
        self._now = now
        self._policy = policy or LifePolicy()

    def run(self) -> Swept:
        now = self._now()
        released = sum(self._analyze.release(shard, FORGOTTEN).incidents for shard in self._shards.shards())
        quiet = failed = 0
        silent = self._store.find((*ACTIVE, Status.MUTED), MOST, now - self._policy.quiet_after)
        for stored in silent:
            try:
                swept = self._lives.apply(stored.incident.id, partial(_swept, now=now, policy=self._policy))
            except Retryable:
                failed += 1
                continue
            quiet += swept is not None and swept.incident.status is Status.QUIET
        active = self._store.find(ACTIVE, MOST)
        for stored in active:
            if stored.unsent:  # a crash after the incident was kept, and no news of it since
                self._lives.apply(stored.incident.id, _same)
        wanting = [
            stored.incident.id
            for stored in active
            if stored.incident.diagnosis is None and now - stored.heard_at > UNEXPLAINED
        ]
        if wanting:
            self._lives.ask(wanting)
        return Swept(quiet, len(wanting), released, failed)

    def standing(self) -> dict[str, int]:
        """How many incidents there are of each status, under the names of their metrics; FULL stands for that many or
        more. Nothing when the table does not answer: a gauge is worth no failed sweep."""
        try:
            return {gauge(status): self._store.count(status, FULL) for status in COUNTED}
        except Retryable:
            return {}


def gauge(status: Status) -> str:
    """The metric of a status."""
    return f"incidents_{status.value}"


def _swept(known: Stored | None, now: float, policy: LifePolicy) -> Outcome | None:
    return sweep(known, now, policy) if known else None


def _same(known: Stored | None) -> Outcome | None:
    return Outcome(known) if known else None

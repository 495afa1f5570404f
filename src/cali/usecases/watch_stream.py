"""The stages on a stream that does not end: lines in, news of incidents out, in bounded memory.

    lines -> decode -> join -> refine -> a detector of a few seconds -> sightings -> lifecycle -> news

A detector lives for a few seconds only; what is known beyond that is in the store and in `_Heard`, both bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from cali.core.life import ChangeKind, StoredIncident
from cali.core.models import Diagnosis, Event, Incident, Origin, Severity, Status
from cali.core.optimistic import update
from cali.core.ports import IncidentStore
from cali.stages.decode import Decoder
from cali.stages.detect import Detector, LifePolicy, Sighting, advance, diagnose, sweep
from cali.stages.detect.tracker import START, Baseline, count_event
from cali.stages.refine.refiner import Refiner
from cali.usecases.pipeline import Pipeline, Tally

WINDOW = (
    2.0  # seconds that a detector lives, and that a warning waits for a line that says it worked after all
)
OLDEST = 10.0  # seconds after which a detector is given up though a warning waits
SWEEP = 30.0  # seconds between two looks for incidents that have gone quiet
HEARD = 2_000  # incidents of which this run remembers more than the store does
JUDGED = 20_000  # templates of which it is remembered whether they are a known error
AGAIN = 3_600.0  # seconds before a burst of the same incident is news again
_TELLS = {ChangeKind.OPENED, ChangeKind.ESCALATED, ChangeKind.RECURRED, ChangeKind.REGRESSED}
_TRIES = 5


class News(NamedTuple):
    """What a person wants to hear: `what` is opened, diagnosed, escalated, recurred, regressed or burst."""

    what: str
    incident: Incident


@dataclass(slots=True)
class _Heard:
    """What this run knows of an incident, beside what the store keeps. `fresh` is its count in this run."""

    incident: Incident
    fresh: int = 0
    baseline: Baseline = START
    burst_at: float = float("-inf")


@dataclass(slots=True)
class _Window:
    """A detector of a few seconds, how much of it was told on, and since when its warnings wait."""

    detector: Detector
    since: float
    told: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)


class Live:
    """Feeds lines to the stages and tells what is new. `explain` answers at once or with origin `none`; times are of one
    clock, given by whoever calls. Line numbers count the lines of all sources as they were read."""

    def __init__(
        self,
        decoder: Decoder,
        refiner: Refiner,
        raises: Callable[[Event], Severity | None],
        explain: Callable[[Incident], Diagnosis],
        store: IncidentStore,
        now: float,
        policy: LifePolicy | None = None,
        suppressed: Container[str] = (),
    ) -> None:
        self._pipeline = Pipeline(decoder, refiner, tally=Tally(most=0))
        self.tally = self._pipeline.tally
        self._suppressed = suppressed
        self.folded = 0
        self.opened = 0
        self._raises = raises
        self._explain = explain
        self._store = store
        self._policy = policy or LifePolicy()
        self._settled = 0  # lines up to this one came before the last look
        self._judged: dict[tuple[str, Severity, bool], Severity | None] = {}
        self._heard: OrderedDict[str, _Heard] = OrderedDict()
        self._window = _Window(Detector(self._known), now)
        self._run = f"watch {now:.3f}"  # positions of this run are no other run's
        self._looks = 0
        self._sweep(now)

    def feed(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """Takes lines with their sources, in the order in which each source wrote them."""
        for source, group in groupby(lines, key=itemgetter(0)):
            numbered = enumerate((raw for _, raw in group), self.tally.lines + 1)
            self._observe(self._pipeline.feed(numbered, source))

    def look(self, now: float) -> list[News]:
        """What is new. An event is complete when nothing was added to it between two looks."""
        settled = self._settled
        self._observe(self._pipeline.end_lines(settled))
        self._observe(self._pipeline.end_blocks(lambda block: block.records[-1].line <= settled))
        self._settled = self.tally.lines
        if now - self._swept >= SWEEP:
            self._sweep(now)
        return self._told(now, final=False)

    def end(self, now: float) -> list[News]:
        """What is new once nothing more comes: no event and no warning waits."""
        self._observe(self._pipeline.end())
        return self._told(now, final=True)

    def diagnosed(self, name: str, diagnosis: Diagnosis, now: float) -> list[News]:
        """Attaches a diagnosis that took its time."""
        if diagnosis.origin is Origin.NONE:
            return []
        stored = self._kept(name, lambda known: diagnose(known, diagnosis, now).stored if known else None)
        if stored is None:
            return []
        self._remember(stored.incident)
        return [News("diagnosed", stored.incident)]

    def incidents(self) -> list[Incident]:
        """What this run heard of, most severe first, with the counts of this run. Beyond the bound the latest."""
        found = [replace(heard.incident, count=heard.fresh) for heard in self._heard.values()]
        return sorted(found, key=lambda incident: (-incident.severity, -incident.count, incident.first_line))

    def _observe(self, events: Iterable[Event]) -> None:
        for event in events:
            self._window.detector.observe(event)

    def _known(self, event: Event) -> Severity | None:
        """As a detector asks it, remembered from one detector to the next."""
        key = (event.template.id, event.severity, event.levelled)
        if key not in self._judged:
            if len(self._judged) >= JUDGED:
                self._judged.clear()
            self._judged[key] = self._raises(event)
        return self._judged[key]

    def _told(self, now: float, *, final: bool) -> list[News]:
        window, news = self._window, []
        self._looks += 1
        late = final or now - window.since >= OLDEST
        for incident in window.detector.incidents():
            if incident.id in self._suppressed:
                continue
            fresh = incident.count - window.told.get(incident.id, 0)
            if fresh > 0 and (late or not self._waits(incident, now)):
                window.told[incident.id] = incident.count
                news += self._sighted(incident, fresh, now)
        young = any(now - since < WINDOW for since in window.waiting.values())
        if late or (now - window.since >= WINDOW and not young):
            self.folded += window.detector.folded.incidents
            self._window = _Window(Detector(self._known), now)
        return news

    def _waits(self, incident: Incident, now: float) -> bool:
        """A warning is told when its time is over: until then a line may say that it worked after all."""
        if any(sample.severity != Severity.WARNING for sample in incident.samples):
            return False
        return now - self._window.waiting.setdefault(incident.id, now) < WINDOW

    def _sighted(self, incident: Incident, fresh: int, now: float) -> list[News]:
        heard = self._heard.get(incident.id) or _Heard(incident)
        burst = self._bursts(heard, incident, fresh, now)
        seen = Sighting(
            replace(incident, burst=incident.burst or burst),
            self._run,
            self._looks,
            self._looks,
            ((self._looks, fresh),),
        )
        kinds: list[ChangeKind] = []

        def applied(known: StoredIncident | None) -> StoredIncident:
            outcome = advance(known, seen, now, self._policy)
            kinds[:] = [change.kind for change in outcome.events]
            stored = outcome.stored
            if stored.incident.diagnosis is None:
                found = self._explain(stored.incident) if known is None else None
                if found is not None and found.origin is not Origin.NONE:
                    stored = diagnose(stored, found, now).stored
            return stored  # what changed stays unsent: `cali alerts send` tells of it

        stored = self._kept(incident.id, applied)
        assert stored is not None  # noqa: S101 - `applied` always gives one
        self._remember(stored.incident, fresh)
        if stored.incident.status is Status.MUTED:
            return []
        self.opened += ChangeKind.OPENED in kinds
        whats = [kind.value for kind in kinds if kind in _TELLS]
        if burst and not whats:
            whats = ["burst"]
        return [News(what, stored.incident) for what in whats]

    def _bursts(self, heard: _Heard, incident: Incident, fresh: int, now: float) -> bool:
        """Whether far more of it came than its own past in this run makes likely, and nobody was told of late."""
        at = incident.last_seen if incident.last_seen is not None else now
        baseline = heard.baseline._replace(burst=False)
        for _ in range(fresh):
            baseline = count_event(baseline, at)
        heard.baseline = baseline
        self._heard[incident.id] = heard
        if not baseline.burst or now - heard.burst_at < AGAIN:
            return False
        heard.burst_at = now
        return True

    def _remember(self, incident: Incident, fresh: int = 0) -> None:
        heard = self._heard.setdefault(incident.id, _Heard(incident))
        heard.incident = incident
        heard.fresh += fresh
        self._heard.move_to_end(incident.id)
        if len(self._heard) > HEARD:
            self._heard.popitem(last=False)

    def _kept(
        self, name: str, change: Callable[[StoredIncident | None], StoredIncident | None]
    ) -> StoredIncident | None:
        """Change one incident under its lock."""
        return update(partial(self._store.get, name), change, self._store.put, f"incident {name}", _TRIES)

    def _sweep(self, now: float) -> None:
        self._swept = now
        active = (Status.OPENED, Status.DIAGNOSED, Status.REGRESSED, Status.MUTED)
        for stored in self._store.find(active, 500, now - self._policy.quiet_after):
            outcome = sweep(stored, now, self._policy)
            if outcome.events:
                self._kept(
                    stored.incident.id,
                    lambda known: sweep(known, now, self._policy).stored if known else None,
                )

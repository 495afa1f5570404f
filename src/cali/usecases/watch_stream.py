"""The use case of `cali watch`: find incidents in an endless stream, in bounded memory.

    lines -> Pipeline -> Detector of a short window -> sightings -> lifecycle -> news

A detector lives for a few seconds. The store and `_WatchedIncident` keep incidents for longer; both are bounded. A
separate thread asks the model, so a slow answer never delays the reading.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, Protocol

from cali.core.life import ChangeKind, StoredIncident
from cali.core.models import Diagnosis, Event, Incident, Origin, Severity, Status
from cali.core.optimistic import update
from cali.core.ports import IncidentStore
from cali.stages.decode import Decoder
from cali.stages.detect import Detector, LifePolicy, Sighting, advance, diagnose, sweep
from cali.stages.detect.tracker import START, Baseline, count_event
from cali.stages.refine.refiner import Refiner
from cali.usecases.pipeline import Pipeline, Tally

LOOK = 0.3  # seconds between two looks; an event is shown after at most two looks
GRACE = 5.0  # seconds beyond the timeout of the model that the end of a pipe waits for answers
WINDOW = 2.0  # minimum life of a detector; a warning waits as long for a line that reports success
OLDEST = 10.0  # seconds after which a detector ends although a warning waits
SWEEP = 30.0  # seconds between two looks for incidents that have gone quiet
WATCHED = 2_000  # maximum incidents with data of this run
JUDGED = 20_000  # maximum templates whose known severity is cached
AGAIN = 3_600.0  # seconds before another burst of the same incident is news
_TELLS = {ChangeKind.OPENED, ChangeKind.ESCALATED, ChangeKind.RECURRED, ChangeKind.REGRESSED}
_TRIES = 5


class News(NamedTuple):
    """News of an incident: `what` is opened, diagnosed, escalated, recurred, regressed or burst."""

    what: str
    incident: Incident


@dataclass(slots=True)
class _WatchedIncident:
    """The data of this run for an incident; the store has the rest. `fresh` is its count in this run."""

    incident: Incident
    fresh: int = 0
    baseline: Baseline = START
    burst_at: float = float("-inf")


@dataclass(slots=True)
class _Window:
    """A detector that lives a few seconds.

    `reported` is the count of each incident that became a sighting. `waiting` is when each warning began to wait.
    """

    detector: Detector
    since: float
    reported: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)


class LineSource(Protocol):
    """A source of new lines, each with the name of its file or pipe."""

    @property
    def ended(self) -> bool: ...
    def read(self, timeout: float) -> list[tuple[str, bytes]]: ...
    def rest(self) -> list[tuple[str, bytes]]: ...


class BackgroundDiagnoses:
    """A thread that explains incidents one by one. If its queue is full, an incident is counted in `left_out`."""

    def __init__(self, explain: Callable[[Incident], Diagnosis], room: int = 50) -> None:
        self._explain = explain
        self._waiting: queue.Queue[Incident] = queue.Queue(room)
        self._results: queue.SimpleQueue[tuple[str, Diagnosis | None]] = queue.SimpleQueue()
        self._open = 0
        self.left_out = 0
        # A daemon: Ctrl-C does not wait for a model.
        threading.Thread(target=self._work, name="explain", daemon=True).start()

    def submit(self, incident: Incident) -> None:
        """Queue an incident, or count it as left out. Return at once."""
        try:
            self._waiting.put_nowait(incident)
            self._open += 1
        except queue.Full:
            self.left_out += 1

    def results(self, seconds: float = 0.0) -> list[tuple[str, Diagnosis]]:
        """Return the new diagnoses by incident id. Wait at most `seconds` for pending ones."""
        deadline = time.monotonic() + seconds
        found = []
        with suppress(queue.Empty):
            while self._open:
                name, diagnosis = self._results.get(timeout=max(0.0, deadline - time.monotonic()))
                self._open -= 1
                if diagnosis is not None:
                    found.append((name, diagnosis))
        return found

    def finish(self, seconds: float) -> list[tuple[str, Diagnosis]]:
        """Return the last diagnoses. Those that take longer than `seconds` count as left out."""
        found = self.results(seconds)
        self.left_out += self._open
        self._open = 0
        return found

    def _work(self) -> None:
        while True:
            incident = self._waiting.get()
            try:
                diagnosis: Diagnosis | None = self._explain(incident)
            except Exception:  # a failure must not stop the other diagnoses
                diagnosis = None
            self._results.put((incident.id, diagnosis))


def follow(
    source: LineSource,
    live: StreamWatcher,
    background: BackgroundDiagnoses | None,
    show: Callable[[list[News]], None],
    stopped: Sequence[int],
    patience: float,
) -> None:
    """Show news until the source ends or `stopped` holds a signal. At the end wait `patience` seconds for the model."""
    due = time.monotonic() + LOOK
    while not stopped and not source.ended:
        live.feed(source.read(max(0.0, due - time.monotonic())))
        if time.monotonic() < due:
            continue
        due = time.monotonic() + LOOK
        news = live.look(time.time())
        show(news)
        if background is not None:
            _explain_later(background, news)
            show(_answers(live, background.results()))
    live.feed(source.rest())
    news = live.end(time.time())
    show(news)
    if background is not None:
        _explain_later(background, news)
        show(_answers(live, background.finish(0.0 if stopped else patience)))


def _explain_later(background: BackgroundDiagnoses, news: Sequence[News]) -> None:
    for what, incident in news:
        diagnosis = incident.diagnosis
        if what == "opened" and (diagnosis is None or diagnosis.origin is Origin.NONE):
            background.submit(incident)


def _answers(live: StreamWatcher, diagnoses: Sequence[tuple[str, Diagnosis]]) -> list[News]:
    return [news for name, diagnosis in diagnoses for news in live.diagnosed(name, diagnosis, time.time())]


class StreamWatcher:
    """The state of one watch: it takes lines and returns news of incidents.

    `explain` returns at once, with origin `none` for an unknown error. The caller passes all times, from one clock.
    Line numbers count the lines of all sources in reading order.
    """

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
        self._settled = 0  # number of lines before the last look
        self._judged: dict[tuple[str, Severity, bool], Severity | None] = {}
        self._watched: OrderedDict[str, _WatchedIncident] = OrderedDict()
        self._window = _Window(Detector(self._known), now)
        self._run = f"watch {now:.3f}"  # the source of positions, unique for each run
        self._looks = 0
        self._sweep(now)

    def feed(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """Read lines with their sources. Lines of one source are in order."""
        for source, group in groupby(lines, key=itemgetter(0)):
            numbered = enumerate((raw for _, raw in group), self.tally.lines + 1)
            self._observe(self._pipeline.feed(numbered, source))

    def look(self, now: float) -> list[News]:
        """Return the news since the last look. An event is complete if no line was added to it between two looks."""
        settled = self._settled
        self._observe(self._pipeline.end_lines(settled))
        self._observe(self._pipeline.end_blocks(lambda block: block.records[-1].line <= settled))
        self._settled = self.tally.lines
        if now - self._swept >= SWEEP:
            self._sweep(now)
        return self._new_sightings(now, final=False)

    def end(self, now: float) -> list[News]:
        """Return the last news, at the end of the stream. No event and no warning waits any longer."""
        self._observe(self._pipeline.end())
        return self._new_sightings(now, final=True)

    def diagnosed(self, name: str, diagnosis: Diagnosis, now: float) -> list[News]:
        """Store a diagnosis from the background, and return the news of it."""
        if diagnosis.origin is Origin.NONE:
            return []
        stored = self._update(name, lambda known: diagnose(known, diagnosis, now).stored if known else None)
        if stored is None:
            return []
        self._remember(stored.incident)
        return [News("diagnosed", stored.incident)]

    def incidents(self) -> list[Incident]:
        """Return the latest incidents of this run (at most WATCHED), most severe first, with the counts of this run."""
        found = [replace(watched.incident, count=watched.fresh) for watched in self._watched.values()]
        return sorted(found, key=lambda incident: (-incident.severity, -incident.count, incident.first_line))

    def _observe(self, events: Iterable[Event]) -> None:
        for event in events:
            self._window.detector.observe(event)

    def _known(self, event: Event) -> Severity | None:
        """Return the known severity of an event. The cache outlives the detectors."""
        key = (event.template.id, event.severity, event.levelled)
        if key not in self._judged:
            if len(self._judged) >= JUDGED:
                self._judged.clear()
            self._judged[key] = self._raises(event)
        return self._judged[key]

    def _new_sightings(self, now: float, *, final: bool) -> list[News]:
        window, news = self._window, []
        self._looks += 1
        late = final or now - window.since >= OLDEST
        for incident in window.detector.incidents():
            if incident.id in self._suppressed:
                continue
            fresh = incident.count - window.reported.get(incident.id, 0)
            if fresh > 0 and (late or not self._waits(incident, now)):
                window.reported[incident.id] = incident.count
                news += self._sighted(incident, fresh, now)
        young = any(now - since < WINDOW for since in window.waiting.values())
        if late or (now - window.since >= WINDOW and not young):
            self.folded += window.detector.folded.incidents
            self._window = _Window(Detector(self._known), now)
        return news

    def _waits(self, incident: Incident, now: float) -> bool:
        """Return whether an incident of warnings must wait: a later line may still report success."""
        if any(sample.severity != Severity.WARNING for sample in incident.samples):
            return False
        return now - self._window.waiting.setdefault(incident.id, now) < WINDOW

    def _sighted(self, incident: Incident, fresh: int, now: float) -> list[News]:
        watched = self._watched.get(incident.id) or _WatchedIncident(incident)
        burst = self._bursts(watched, incident, fresh, now)
        sighting = Sighting(
            replace(incident, burst=incident.burst or burst),
            self._run,
            self._looks,
            self._looks,
            ((self._looks, fresh),),
        )
        kinds: list[ChangeKind] = []

        def applied(known: StoredIncident | None) -> StoredIncident:
            outcome = advance(known, sighting, now, self._policy)
            kinds[:] = [change.kind for change in outcome.events]
            stored = outcome.stored
            if stored.incident.diagnosis is None:
                found = self._explain(stored.incident) if known is None else None
                if found is not None and found.origin is not Origin.NONE:
                    stored = diagnose(stored, found, now).stored
            return stored  # changes stay unsent; `cali alerts send` publishes them

        stored = self._update(incident.id, applied)
        assert stored is not None  # noqa: S101 - `applied` always returns one
        self._remember(stored.incident, fresh)
        if stored.incident.status is Status.MUTED:
            return []
        self.opened += ChangeKind.OPENED in kinds
        whats = [kind.value for kind in kinds if kind in _TELLS]
        if burst and not whats:
            whats = ["burst"]
        return [News(what, stored.incident) for what in whats]

    def _bursts(self, watched: _WatchedIncident, incident: Incident, fresh: int, now: float) -> bool:
        """Return whether the rate is far above the baseline of this run, and no burst was reported within AGAIN seconds."""
        at = incident.last_seen if incident.last_seen is not None else now
        baseline = watched.baseline._replace(burst=False)
        for _ in range(fresh):
            baseline = count_event(baseline, at)
        watched.baseline = baseline
        self._watched[incident.id] = watched
        if not baseline.burst or now - watched.burst_at < AGAIN:
            return False
        watched.burst_at = now
        return True

    def _remember(self, incident: Incident, fresh: int = 0) -> None:
        watched = self._watched.setdefault(incident.id, _WatchedIncident(incident))
        watched.incident = incident
        watched.fresh += fresh
        self._watched.move_to_end(incident.id)
        if len(self._watched) > WATCHED:
            self._watched.popitem(last=False)

    def _update(
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
                self._update(
                    stored.incident.id,
                    lambda known: sweep(known, now, self._policy).stored if known else None,
                )

"""The stages over stored lines, without any dependency: lines -> events -> incidents -> diagnoses -> ReplayResult."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Diagnosis, Event, Incident, Origin, Severity
from cali.stages.decode import Decoder
from cali.stages.detect import Detector
from cali.stages.reason import Reasoner, ReasonSettings
from cali.stages.refine import masks
from cali.stages.refine.refiner import Refiner
from cali.stages.retrieve import Retrieved, retrieve
from cali.usecases.pipeline import Pipeline, explained, in_order, known_severity
from cali.usecases.replay.lifecycles import LifecycleReplay
from cali.usecases.replay.model_cost import Cost, Meter
from cali.usecases.replay.versions import ReplayVersions, Terms

if TYPE_CHECKING:
    from cali.core.life import Change

TEMPLATES = 200_000  # maximum counted templates, so that memory stays bounded
UNASKED = "not in the knowledge base; a replay asks no model"
_CUT = "the model's answer was cut off"  # the reason that the reasoner gives for the answer of Meter


class Counts(NamedTuple):
    """Counts of a replay.

    `outside` are events before `since` or after `until`. `suppressed` are incidents that people called no error.
    `folded` are incidents beyond the limit of the detector. Neither is listed.
    """

    lines: int = 0
    events: int = 0
    templates: int = 0
    quarantined: int = 0
    outside: int = 0
    suppressed: int = 0
    folded: int = 0


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of a replay. Incidents are in causal order: the first is the one to fix.

    `places` holds, by incident id, the first lines of its events (at most 4,096); `compare` matches incidents by them.
    `changes` are the lifecycles by the times of the lines, from `began` to `ended`.
    """

    versions: Mapping[str, str]
    counts: Counts
    incidents: tuple[Incident, ...]
    places: Mapping[str, tuple[int, ...]]
    changes: tuple[Change, ...]
    cost: Cost
    began: float | None = None
    ended: float | None = None


def replay(
    lines: Iterable[tuple[int, bytes]], versions: ReplayVersions, terms: Terms | None = None
) -> ReplayResult:
    """Return the incidents in numbered lines. The same arguments give the same result, in bounded memory.

    No model is asked, so an unknown error keeps the origin `none`; `cost` is what a model would have cost. No index is
    searched, because near entries never decide.
    """
    given = terms or Terms()
    knowledge = versions.knowledge
    signatures = knowledge.signatures()
    refiner = Refiner(masks=masks.load(versions.masks), book=versions.book)
    lifecycles = LifecycleReplay(lambda event: known_severity(event, knowledge, signatures), given.life)
    detector = Detector(lifecycles.judge, given.policy)
    pipeline = Pipeline(Decoder(given.cluster, year=given.year), refiner)
    tally = pipeline.tally
    read = _InputCounts()
    for event in read.within(pipeline.events(lines), given):
        detector.observe(event)
        lifecycles.observe(event)

    def known(text: str) -> Retrieved:
        return retrieve(text, signatures)

    meter = Meter(versions, refiner.redactor.text) if versions.model else None
    reasoner = Reasoner(
        knowledge,
        known,
        refiner.redactor.text,
        meter.asking if meter else None,
        versions.model,
        # One thread, so that the order of questions is deterministic.
        ReasonSettings(given.language, versions.prompt, threads=1, versions={"masks": refiner.masks.version}),
    )
    listed = detector.incidents()
    raised = [incident for incident in listed if incident.id not in given.suppressed]
    incidents = tuple(map(_unasked, in_order(explained(raised, knowledge, reasoner, detector.moments()))))
    ended = given.until if given.until is not None else lifecycles.time
    return ReplayResult(
        versions=_named(versions, refiner),
        counts=Counts(
            tally.lines,
            tally.events - read.outside,
            len(read.templates),
            tally.quarantined,
            read.outside,
            len(listed) - len(raised),
            detector.folded.incidents,
        ),
        incidents=incidents,
        places={one.id: _places(detector, one) for one in incidents},
        changes=lifecycles.changes(incidents, ended),
        cost=meter.cost() if meter else Cost(),
        began=read.began,
        ended=ended,
    )


class _InputCounts:
    """Counts of the events that a replay reads."""

    def __init__(self) -> None:
        self.templates: set[str] = set()
        self.outside = 0
        self.began: float | None = None

    def within(self, events: Iterable[Event], terms: Terms) -> Iterator[Event]:
        """Yield the events from `since` to `until`, and those without a time."""
        since = float("-inf") if terms.since is None else terms.since
        until = float("inf") if terms.until is None else terms.until
        for event in events:
            time = event.time
            if time is not None:
                if not since <= time <= until:
                    self.outside += 1
                    continue
                if self.began is None or time < self.began:
                    self.began = time
            if len(self.templates) < TEMPLATES:
                self.templates.add(event.template.id)
            yield event


def _unasked(incident: Incident) -> Incident:
    """Replace the reason of an unanswered question."""
    diagnosis = incident.diagnosis
    if diagnosis is None or diagnosis.origin is not Origin.NONE or diagnosis.versions.get("gate") != _CUT:
        return incident
    versions = {**diagnosis.versions, "gate": UNASKED}
    return replace(incident, diagnosis=replace(diagnosis, versions=versions))


def _places(detector: Detector, incident: Incident) -> tuple[int, ...]:
    return tuple(line for line, _ in detector.positions(incident.scope, incident.template.id))


def _named(versions: ReplayVersions, refiner: Refiner) -> dict[str, str]:
    named = {
        "book": versions.book_version(),
        "knowledge": versions.knowledge.version,
        "masks": refiner.masks.version,
        "model": versions.model,
        "prompt": versions.prompt,
        "redaction": refiner.redactor.version,
    }
    return {name: version for name, version in named.items() if version}


__all__ = ["UNASKED", "Cost", "Counts", "Diagnosis", "ReplayResult", "Severity", "replay"]

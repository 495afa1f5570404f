"""The stages in order.

lines -> decode -> join -> refine -> events
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cali.core.models import Block, Event, Incident, KnowledgeEntry, Origin, Quarantined, Record, Severity
from cali.stages.decode import Decoder
from cali.stages.detect.order import ordered
from cali.stages.join import Joiner
from cali.stages.refine.refiner import Refiner

if TYPE_CHECKING:
    from cali.stages.reason import Reasoner
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.stages.retrieve.signatures import Signatures

KEPT = 100  # quarantined lines of which the reason is kept; all are counted


@dataclass(slots=True)
class Tally:
    """What went through: every line read is an event's, blank, or quarantined. A piece of a line that goes on counts as
    blank, for the line is told once."""

    lines: int = 0
    events: int = 0
    blank: int = 0
    quarantined: int = 0
    reasons: list[Quarantined] = field(default_factory=list)


def events(
    lines: Iterable[tuple[int, bytes]], decoder: Decoder, refiner: Refiner, tally: Tally, *, join: bool = True
) -> Iterator[Event]:
    """The events in lines, in the order of their first lines. With `join` off each line is an event."""
    records = decoded(lines, decoder, tally)
    refine = refiner.refine
    for block in joined(records) if join else map(_alone, records):
        tally.events += 1
        yield refine(block)


def decoded(lines: Iterable[tuple[int, bytes]], decoder: Decoder, tally: Tally) -> Iterator[Record]:
    """The records in lines; what can't be read is counted, the first few with their reason."""
    decode = decoder.decode
    for number, raw in lines:
        tally.lines += 1
        record = decode(raw, number)
        if record.__class__ is Record:
            yield record
        elif record is None:
            tally.blank += 1
        else:
            _quarantined(record, tally)  # type: ignore[arg-type]  # neither a Record nor None
    for left in decoder.rest():
        if isinstance(left, Record):
            yield left
        else:
            _quarantined(left, tally)


def _quarantined(line: Quarantined, tally: Tally) -> None:
    tally.quarantined += 1
    if len(tally.reasons) < KEPT:
        tally.reasons.append(line)


def joined(records: Iterable[Record]) -> Iterator[Block]:
    """The blocks in records, the last ones too."""
    joiner = Joiner()
    push = joiner.push
    for record in records:
        yield from push(record)
    yield from joiner.flush()


def _alone(record: Record) -> Block:
    return Block((record,))


def raises(event: Event, knowledge: Knowledge, signatures: Signatures) -> Severity | None:
    """The severity of the known error that an event is, if it is one. A line that gives no level, and no word of warning,
    is raised only for errors: too many healthy lines look like something to be warned of."""
    known = signatures.matching(event.message)
    if not known:
        return None
    severity = max(knowledge.entries[known[0]].severity, event.severity)
    return severity if severity >= Severity.ERROR or event.severity >= Severity.WARNING else None


def explained(
    incidents: Sequence[Incident], knowledge: Knowledge, reasoner: Reasoner
) -> tuple[Incident, ...]:
    """Incidents with their diagnoses, in causal order: the first is the one to fix."""

    def tags(incident: Incident) -> Collection[str]:
        entry = _entry(incident, knowledge)
        return (entry.area, *entry.tags) if entry else ()

    def weight(incident: Incident) -> float:
        return incident.diagnosis.confidence if incident.diagnosis else 0.0

    def known(incident: Incident) -> str | None:
        entry = _entry(incident, knowledge)
        return entry.id if entry else None

    return tuple(ordered(reasoner.diagnose_all(incidents), tags=tags, weight=weight, known=known))


def _entry(incident: Incident, knowledge: Knowledge) -> KnowledgeEntry | None:
    diagnosis = incident.diagnosis
    if diagnosis is None or diagnosis.origin is not Origin.KNOWLEDGE or not diagnosis.knowledge:
        return None
    return knowledge.entries.get(diagnosis.knowledge[0].id)

"""The event path, shared by files, streams, batches and replays.

    numbered lines -> decode -> join -> refine -> events
                        \\-> quarantined, with the reason

The caller passes each event on, most often to `Detector.observe`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cali.core.errors import CaliError
from cali.core.models import (
    Block,
    Event,
    Incident,
    IncidentGroup,
    KnowledgeEntry,
    Moment,
    Origin,
    Quarantined,
    Record,
    Role,
    Severity,
)
from cali.stages.decode import Decoder
from cali.stages.group import grouped
from cali.stages.join import Joiner
from cali.stages.reason.titles import titled
from cali.stages.refine.refiner import Refiner

if TYPE_CHECKING:
    from cali.stages.reason import Reasoner
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.stages.retrieve.signatures import Signatures


@dataclass(slots=True)
class Tally:
    """Counts of the lines and events of one pipeline. Every line is part of an event, blank, or quarantined.

    A piece of a line that a runtime cut counts as blank; the last piece stands for the whole line.
    `reasons` holds the first `most` quarantined lines.
    """

    most: int = 100
    lines: int = 0
    events: int = 0
    blank: int = 0
    quarantined: int = 0
    reasons: list[Quarantined] = field(default_factory=list)

    def quarantine(self, line: Quarantined) -> None:
        self.quarantined += 1
        if len(self.reasons) < self.most:
            self.reasons.append(line)


class Pipeline:
    """A pipeline from numbered lines to events, in the order of their first lines.

    `pending` are the blocks that an earlier pipeline left open; this one continues them. With `join` off, each line is
    an event. Every method that yields events works only while its result is iterated.
    """

    def __init__(
        self,
        decoder: Decoder,
        refiner: Refiner,
        *,
        pending: Sequence[Block] = (),
        join: bool = True,
        tally: Tally | None = None,
    ) -> None:
        self.tally = tally or Tally()
        self._decoder = decoder
        self._decoders = {"": decoder.apart(block.records[-1] for block in pending)}
        self._refine = refiner.refine
        self._joiner = Joiner(pending=pending)
        self._push = self._joiner.push if join else _alone

    def events(self, lines: Iterable[tuple[int, bytes]]) -> Iterator[Event]:
        """Yield all events of a finite input."""
        yield from self.feed(lines)
        yield from self.end()

    def feed(self, lines: Iterable[tuple[int, bytes]], source: str = "") -> Iterator[Event]:
        """Yield the events that these lines complete. Lines of two sources never make one event."""
        decoder = self._decoders.get(source)
        if decoder is None:
            decoder = self._decoders[source] = self._decoder.apart()
        return self._refined(self._joined(self._decoded(lines, decoder), source))

    def end_lines(self, before: int | None = None) -> Iterator[Event]:
        """Take the lines that a runtime cut as complete: all, or those without a new piece since the line `before`."""
        for source, decoder in self._decoders.items():
            yield from self._refined(self._joined(decoder.rest(before), source))

    def end_blocks(self, is_complete: Callable[[Block], bool]) -> Iterator[Event]:
        """Yield the events of the open blocks that are complete; the others stay open."""
        return self._refined(self._joiner.release(is_complete))

    def end(self) -> Iterator[Event]:
        """Yield the events of all that is left."""
        yield from self.end_lines()
        yield from self._refined(self._joiner.flush())

    def pending(self) -> tuple[Block, ...]:
        """Return the open blocks, in order."""
        return self._joiner.pending()

    def _decoded(
        self, lines: Iterable[tuple[int, bytes]], decoder: Decoder
    ) -> Iterator[Record | Quarantined | None]:
        tally, decode = self.tally, decoder.decode
        for number, raw in lines:
            tally.lines += 1
            yield decode(raw, number)

    def _joined(self, decoded: Iterable[Record | Quarantined | None], source: str) -> Iterator[Block]:
        push, tally = self._push, self.tally
        for record in decoded:
            if isinstance(record, Record):
                yield from push(record._replace(stream=f"{source}\0{record.stream}") if source else record)
            elif record is None:
                tally.blank += 1
            else:
                tally.quarantine(record)

    def _refined(self, blocks: Iterable[Block]) -> Iterator[Event]:
        refine, tally = self._refine, self.tally
        for block in blocks:
            tally.events += 1
            try:
                event = refine(block)
            except CaliError:
                raise
            except Exception as error:  # a defect in one block must not stop the others
                raw = "\n".join(record.message for record in block.records).encode(errors="replace")
                reason = f"refine failed: {type(error).__name__}: {error}"
                tally.quarantine(Quarantined(block.records[0].line, reason, raw))
            else:
                yield event


def _alone(record: Record) -> list[Block]:
    return [Block((record,))]


def known_severity(event: Event, knowledge: Knowledge, signatures: Signatures) -> Severity | None:
    """Return the severity of the known error that an event is; None for any other event.

    The level is one piece of evidence. An event below `warning` counts only if the known error is at least an error:
    many healthy lines match entries for warnings. An event with a level of its own, such as `info`, counts only if the
    entry asserts a cause, is specific and names its products.
    """
    known = signatures.matches(event.message)
    if not known:
        return None
    entry = knowledge.entries[known[0].id]
    severity = max(entry.severity, event.severity)
    if event.severity >= Severity.WARNING:
        return severity
    if event.levelled:
        unmistakable = entry.asserts and not entry.broad and "any" not in entry.products
        return severity if entry.severity >= Severity.ERROR and unmistakable else None
    return severity if severity >= Severity.ERROR else None


def explained(
    findings: Sequence[Incident],
    knowledge: Knowledge,
    reasoner: Reasoner,
    moments: Mapping[str, Sequence[Moment]] | None = None,
) -> tuple[IncidentGroup, ...]:
    """Return the groups of the findings, each finding with its diagnosis. The first group is the one to look at first."""

    def entry_of(finding: Incident) -> KnowledgeEntry | None:
        diagnosis = finding.diagnosis
        if diagnosis is None or diagnosis.origin is not Origin.KNOWLEDGE or not diagnosis.knowledge:
            return None
        return knowledge.entries.get(diagnosis.knowledge[0].id)

    return titled(grouped(reasoner.diagnose_all(findings), entry_of, moments), entry_of)


def in_order(groups: Iterable[IncidentGroup]) -> Iterator[Incident]:
    """Yield the findings of all groups in display order, each with the id of its root in `follows`."""
    for group in groups:
        for finding, role, _ in group.members:
            yield replace(finding, follows=None if role is Role.ROOT else group.root.id)

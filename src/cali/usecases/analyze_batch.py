"""analyze: a batch of log records to incidents, with each effect exactly once however often Lambda repeats the batch.

    read checkpoint -> events -> incidents -> store and publish -> quarantine -> write checkpoint -> acknowledge

The checkpoint is written last, so a repeated batch repairs a crash at any place: an incident knows the positions that it
counted, a change its number, a quarantined line its position. The decisions are in docs/adr/0007-serverless.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol

from cali.core.errors import Conflict, Poison, Retryable
from cali.core.life import Span, StoredIncident
from cali.stages.detect import Detector, DetectPolicy, LifePolicy, Outcome, Sighting, advance
from cali.stages.group import grouped
from cali.usecases.checkpoint import Checkpoint, PendingBlock, dumps, loads, position
from cali.usecases.pipeline import in_order
from cali.usecases.quarantine import Quarantine, UnreadLine
from cali.usecases.shard_batch import ShardBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from cali.core.models import Event, Incident, Severity
    from cali.core.ports import BlobStore
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner
    from cali.usecases.publish_changes import ChangePublisher

# A batch has at most 10,000 records. `undone=0`: a warning counts even if a later line reports success, because chance
# decides whether that line is in the same batch. The end of a batch must not change what is counted.
DETECT_POLICY = DetectPolicy(positions=100_000, undone=0)


class LogStream(Protocol):
    """The log stream that batches come from."""

    def next_arrival(self, shard: str, sequence: str) -> float | None:
        """Return when the record after this one arrived; None if this is the newest."""


@dataclass(frozen=True, slots=True)
class SettleRules:
    """The rules that decide when a block at the end of a batch is complete: if the stream had no record for `settle`
    seconds after the block's last line. If the stream cannot be read, a batch counts as the newest one if it has fewer than
    `batch` records and is at most `fresh` seconds old."""

    settle: float = 0.5
    fresh: float = 10.0
    batch: int = 1000


@dataclass(frozen=True, slots=True)
class BatchReport:
    """Counts of a batch."""

    records: int = 0
    again: int = 0  # records that were read before
    lines: int = 0
    events: int = 0
    incidents: int = 0
    held: int = 0
    quarantined: int = 0


class Analyze:
    """An analyzer of batches. It keeps no state of a batch, so it can be used again after an error."""

    def __init__(
        self,
        decoder: Decoder,
        refiner: Refiner,
        known_severity: Callable[[Event], Severity | None],
        publisher: ChangePublisher,
        blobs: BlobStore,
        quarantine: Quarantine,
        now: Callable[[], float],
        settle_rules: SettleRules | None = None,
        policy: LifePolicy | None = None,
        log_stream: LogStream | None = None,
        suppressed: Container[str] = (),
    ) -> None:
        self._decoder = decoder
        self._refiner = refiner
        self._known_severity = known_severity
        self._publisher = publisher
        self._blobs = blobs
        self._quarantine = quarantine
        self._now = now
        self._settle_rules = settle_rules or SettleRules()
        self._policy = policy or LifePolicy()
        self._log_stream = log_stream
        self._suppressed = suppressed

    def batch(self, shard: str, items: Sequence[dict[str, Any]]) -> BatchReport:
        """Analyze one batch of a shard; without items, only its pending blocks.

        Raise Retryable if a dependency failed. Then the same batch must be repeated.
        """
        checkpoint = self._checkpoint(shard)
        now = self._now()  # before the work, which may take seconds in a new process
        fresh = _unread(items, checkpoint)
        if not fresh and not (checkpoint.held and not items):
            return BatchReport(records=len(items), again=len(items))
        first = position(fresh[0]["kinesis"]["sequenceNumber"], 0) if fresh else None
        taken = checkpoint.held if first is None else checkpoint.before(first)
        batch, left, detector = self._through(shard, fresh, taken, now)
        unsettled = checkpoint.unsettled(batch.span, left)
        seen = self._sightings(shard, batch, left, detector, unsettled)
        self._publisher.apply_all(
            {
                name: partial(_advanced, seen=sightings, now=self._now(), policy=self._policy)
                for name, sightings in seen.items()
            }
        )
        lost = [UnreadLine(batch.position(line.line), line.reason, line.raw) for line in batch.quarantined]
        if lost:
            self._quarantine.keep(shard, lost, self._first_arrival(batch, fresh))
        if seen or lost or taken or left:
            done = checkpoint.after(batch.span, taken, left)
            self._blobs.write(f"shard:{shard}", dumps(done), done.version)
        return BatchReport(
            records=len(items),
            again=len(items) - len(fresh),
            lines=batch.tally.lines,
            events=batch.tally.events,
            incidents=len(seen),
            held=len(left),
            quarantined=len(lost),
        )

    def release(self, shard: str, older: float) -> BatchReport:
        """Analyze the blocks that have been pending for more than `older` seconds on a silent shard."""
        held = self._checkpoint(shard).held
        if not held or self._now() - max(block.arrived for block in held) < older:
            return BatchReport()
        try:
            return self.batch(shard, ())
        except Conflict:
            return BatchReport()  # the shard is not silent any more

    def _checkpoint(self, shard: str) -> Checkpoint:
        body, version = self._blobs.read(f"shard:{shard}")
        try:
            return loads(body, version)
        except Poison:  # incidents know what they counted, so an empty checkpoint costs only repeated work
            return Checkpoint(version=version)

    def _through(
        self, shard: str, items: Sequence[dict[str, Any]], taken: tuple[PendingBlock, ...], now: float
    ) -> tuple[ShardBatch, tuple[PendingBlock, ...], Detector]:
        detector = Detector(self._known_severity, DETECT_POLICY)
        batch = ShardBatch(items, taken, self._decoder, self._refiner, detector.observe)
        batch.read()
        return batch, batch.settle(self._may_go(shard, batch, items, now)), detector

    def _may_go(
        self, shard: str, batch: ShardBatch, items: Sequence[dict[str, Any]], now: float
    ) -> Callable[[float], bool]:
        if not items:
            return lambda _: True
        newest, settle = batch.arrival(-1), self._settle_rules.settle
        silent_until = cache(lambda: self._silent_until(shard, batch, items, now))

        def may_go(arrived: float) -> bool:
            if newest - arrived >= settle:
                return True
            return now - arrived >= settle and silent_until() - arrived >= settle

        return may_go

    def _silent_until(
        self, shard: str, batch: ShardBatch, items: Sequence[dict[str, Any]], now: float
    ) -> float:
        """Return the time until which no record followed the batch. Read the stream, because a small batch that was
        delivered late may have successors too."""
        if self._log_stream is not None:
            try:
                following = self._log_stream.next_arrival(shard, items[-1]["kinesis"]["sequenceNumber"])
            except Retryable:
                pass  # all readers of a shard share five reads a second
            else:
                return now if following is None else following
        newest = batch.arrival(-1)
        at_tip = now - newest <= self._settle_rules.fresh and not batch.is_full(self._settle_rules.batch)
        return now if at_tip else newest

    def _sightings(
        self,
        shard: str,
        batch: ShardBatch,
        left: tuple[PendingBlock, ...],
        detector: Detector,
        unsettled: int,
    ) -> dict[str, list[Sighting]]:
        """Return the sightings of each incident. Their spans leave out pending blocks, which are counted when complete."""
        place, span = batch.position, batch.span
        own = _without(span, [held.start for held in left])
        seen: dict[str, list[Sighting]] = {}
        for incident in in_order(grouped(detector.incidents(), lambda _: None)):
            if incident.id in self._suppressed:
                continue
            lines = detector.positions(incident.scope, incident.template.id)
            at = [(place(line), count) for line, count in lines]
            marks = {place(line): mark for line, _ in lines if (mark := batch.mark(line))}
            placed, arrived = _placed(incident, place), batch.arrived(incident.last_line)
            claims = [(claim, [pair for pair in at if claim.start <= pair[0] <= claim.end]) for claim in own]
            claims += [
                (Span(pair[0], pair[0]), [pair]) for pair in at if span is None or pair[0] < span.start
            ]
            seen[incident.id] = [
                Sighting(placed, shard, claim.start, claim.end, tuple(inside), unsettled, arrived, marks)
                for claim, inside in sorted(claims)
                if inside
            ]
        return seen

    def _first_arrival(self, batch: ShardBatch, fresh: Sequence[dict[str, Any]]) -> float:
        return batch.arrival(0) if fresh else self._now()


def _advanced(
    known: StoredIncident | None, seen: list[Sighting], now: float, policy: LifePolicy
) -> Outcome | None:
    outcome: Outcome | None = None
    for sighting in seen:
        outcome = advance(outcome.stored if outcome else known, sighting, now, policy)
    return outcome


def _unread(items: Sequence[dict[str, Any]], checkpoint: Checkpoint) -> Sequence[dict[str, Any]]:
    """Return the records that no earlier batch held; nearly always all or none."""
    if not items or not checkpoint.read:
        return items
    ends = [position(item["kinesis"]["sequenceNumber"], 0) for item in (items[0], items[-1])]
    if not checkpoint.meets(Span(ends[0], ends[1])):
        return items
    return [item for item in items if not checkpoint.has_read(position(item["kinesis"]["sequenceNumber"], 0))]


def _without(span: Span | None, holes: list[int]) -> list[Span]:
    """Return the parts of a span without some positions."""
    if span is None:
        return []
    parts, start = [], span.start
    for hole in sorted(hole for hole in holes if span.start <= hole <= span.end):
        if hole > start:
            parts.append(Span(start, hole - 1))
        start = hole + 1
    return [*parts, Span(start, span.end)] if start <= span.end else parts


def _placed(incident: Incident, place: Callable[[int], int]) -> Incident:
    """Return the incident with positions for its lines. They do not depend on the batch."""
    samples = tuple(event._replace(lines=tuple(map(place, event.lines))) for event in incident.samples)
    return replace(
        incident,
        first_line=place(incident.first_line),
        last_line=place(incident.last_line),
        samples=samples,
    )

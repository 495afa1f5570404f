"""analyze: a batch of log records to incidents, each effect exactly once however often the batch comes.

    checkpoint -> batch -> events -> incidents -> publisher (kept, published) -> quarantine -> checkpoint -> acknowledged

What was done is kept before the checkpoint says that the batch was read, so a crash at any place is repaired when the batch
comes again: an incident knows the positions that it counted, a change its number, a quarantined line its position.
The decisions are in docs/adr/0007-serverless.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol

from cali.core.errors import Conflict, Poison, Retryable
from cali.core.life import Span, StoredIncident
from cali.stages.detect import Detector, DetectPolicy, LifePolicy, Outcome, Sighting, advance, ordered
from cali.usecases import checkpoint as checkpoints
from cali.usecases.quarantine import Quarantine, UnreadLine
from cali.usecases.shard_batch import ShardBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from cali.core.models import Event, Incident, Severity
    from cali.core.ports import BlobStore
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner
    from cali.usecases.checkpoint import Checkpoint, PendingBlock
    from cali.usecases.publish_changes import ChangePublisher

# A batch has at most 10,000 records. `undone=0`: a warning counts even if a later line says that it worked after all, for
# whether that line is in the same batch is chance. Where a batch ends must not decide what is counted.
KIND = DetectPolicy(positions=100_000, undone=0)


class LogStream(Protocol):
    """The log stream, of which a batch is a part."""

    def next_arrival(self, shard: str, sequence: str) -> float | None:
        """When the record after this one arrived; None when it is the newest."""


@dataclass(frozen=True, slots=True)
class SettleRules:
    """When a block at the end of a batch is complete: `settle` seconds after its last line nothing more of it comes. That
    is measured against the record behind the batch, or the clock when there is none. Who cannot ask for that record
    takes the clock when the batch is not full (`batch`) and at most `fresh` seconds old."""

    settle: float = 0.5
    fresh: float = 10.0
    batch: int = 1000


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What came of a batch."""

    records: int = 0
    again: int = 0  # records that were read before
    lines: int = 0
    events: int = 0
    incidents: int = 0
    held: int = 0
    quarantined: int = 0


class Analyze:
    """Analyzes batches. Safe to use again after it raised: nothing of a failed batch stays in it."""

    def __init__(
        self,
        decoder: Decoder,
        refiner: Refiner,
        raises: Callable[[Event], Severity | None],
        publisher: ChangePublisher,
        notes: BlobStore,
        quarantine: Quarantine,
        now: Callable[[], float],
        waiting: SettleRules | None = None,
        policy: LifePolicy | None = None,
        behind: LogStream | None = None,
        suppressed: Container[str] = (),
    ) -> None:
        self._decoder = decoder
        self._refiner = refiner
        self._raises = raises
        self._publisher = publisher
        self._notes = notes
        self._quarantine = quarantine
        self._now = now
        self._waiting = waiting or SettleRules()
        self._policy = policy or LifePolicy()
        self._behind = behind
        self._suppressed = suppressed

    def batch(self, shard: str, items: Sequence[dict[str, Any]]) -> BatchReport:
        """Takes one batch of a shard through; without items, only what waited too long. Raises Retryable when a
        dependency failed: then the same batch is to come again."""
        now = self._now()  # before the work, which may take seconds in a process that has just begun
        checkpoint = self._checkpoint(shard)
        fresh = _unread(items, checkpoint)
        if not fresh and not (checkpoint.held and not items):
            return BatchReport(records=len(items), again=len(items))
        first = checkpoints.position(fresh[0]["kinesis"]["sequenceNumber"], 0) if fresh else None
        taken = checkpoint.held if first is None else checkpoint.before(first)
        delivery, left, detector = self._through(shard, fresh, taken, now)
        unsettled = checkpoint.unsettled(delivery.span, left)
        seen = self._sightings(shard, delivery, left, detector, unsettled)
        self._publisher.apply_all(
            {
                name: partial(_advanced, seen=sightings, now=self._now(), policy=self._policy)
                for name, sightings in seen.items()
            }
        )
        lost = [
            UnreadLine(delivery.position(line.line), line.reason, line.raw) for line in delivery.quarantined
        ]
        if lost:
            self._quarantine.keep(shard, lost, self._first_arrival(delivery, fresh))
        if seen or lost or taken or left:
            done = checkpoint.after(delivery.span, taken, left)
            self._notes.write(f"shard:{shard}", checkpoints.dumps(done), done.version)
        return BatchReport(
            records=len(items),
            again=len(items) - len(fresh),
            lines=delivery.tally.lines,
            events=delivery.tally.events,
            incidents=len(seen),
            held=len(left),
            quarantined=len(lost),
        )

    def release(self, shard: str, older: float) -> BatchReport:
        """Takes through what has waited for more than `older` seconds on a shard that has fallen silent."""
        held = self._checkpoint(shard).held
        if not held or self._now() - max(block.arrived for block in held) < older:
            return BatchReport()
        try:
            return self.batch(shard, ())
        except Conflict:
            return BatchReport()  # the shard is not silent any more

    def _checkpoint(self, shard: str) -> Checkpoint:
        body, version = self._notes.read(f"shard:{shard}")
        try:
            return checkpoints.loads(body, version)
        except (
            Poison
        ):  # it saves work and joins what was cut; the incidents themselves know what they counted
            return checkpoints.Checkpoint(version=version)

    def _through(
        self, shard: str, items: Sequence[dict[str, Any]], taken: tuple[PendingBlock, ...], now: float
    ) -> tuple[ShardBatch, tuple[PendingBlock, ...], Detector]:
        detector = Detector(self._raises, KIND)
        delivery = ShardBatch(items, taken, self._decoder, self._refiner, detector.observe)
        delivery.read()
        return delivery, delivery.settle(self._may_go(shard, delivery, items, now)), detector

    def _may_go(
        self, shard: str, delivery: ShardBatch, items: Sequence[dict[str, Any]], now: float
    ) -> Callable[[float], bool]:
        if not items:
            return lambda _: True
        newest, settle = delivery.arrival(-1), self._waiting.settle
        nothing_later = cache(lambda: self._nothing_later(shard, delivery, items, now))

        def may_go(arrived: float) -> bool:
            if newest - arrived >= settle:
                return True
            return now - arrived >= settle and nothing_later() - arrived >= settle

        return may_go

    def _nothing_later(
        self, shard: str, delivery: ShardBatch, items: Sequence[dict[str, Any]], now: float
    ) -> float:
        """The time up to which nothing came behind the batch. One that was delivered late has more behind it, however
        small it is: only the stream knows."""
        if self._behind is not None:
            try:
                following = self._behind.next_arrival(shard, items[-1]["kinesis"]["sequenceNumber"])
            except Retryable:
                pass  # five reads a second are all that a shard gives to all who read it
            else:
                return now if following is None else following
        newest = delivery.arrival(-1)
        at_tip = now - newest <= self._waiting.fresh and not delivery.is_full(self._waiting.batch)
        return now if at_tip else newest

    def _sightings(
        self,
        shard: str,
        delivery: ShardBatch,
        left: tuple[PendingBlock, ...],
        detector: Detector,
        unsettled: int,
    ) -> dict[str, list[Sighting]]:
        """What the batch says of each incident. What is claimed as read leaves out the blocks that wait: they will be
        counted when they are complete."""
        position, span = delivery.position, delivery.span
        own = _without(span, [held.start for held in left])
        seen: dict[str, list[Sighting]] = {}
        for incident in ordered(detector.incidents()):
            if incident.id in self._suppressed:
                continue
            at = [
                (position(line), count)
                for line, count in detector.positions(incident.scope, incident.template.id)
            ]
            placed, arrived = _placed(incident, position), delivery.arrived(incident.last_line)
            claims = [(claim, [pair for pair in at if claim.start <= pair[0] <= claim.end]) for claim in own]
            claims += [
                (Span(pair[0], pair[0]), [pair]) for pair in at if span is None or pair[0] < span.start
            ]
            seen[incident.id] = [
                Sighting(placed, shard, claim.start, claim.end, tuple(inside), unsettled, arrived)
                for claim, inside in sorted(claims)
                if inside
            ]
        return seen

    def _first_arrival(self, delivery: ShardBatch, fresh: Sequence[dict[str, Any]]) -> float:
        return delivery.arrival(0) if fresh else self._now()


def _advanced(
    known: StoredIncident | None, seen: list[Sighting], now: float, policy: LifePolicy
) -> Outcome | None:
    outcome: Outcome | None = None
    for sighting in seen:
        outcome = advance(outcome.stored if outcome else known, sighting, now, policy)
    return outcome


def _unread(items: Sequence[dict[str, Any]], checkpoint: Checkpoint) -> Sequence[dict[str, Any]]:
    """The records that no earlier batch held; nearly always all or none."""
    if not items or not checkpoint.read:
        return items
    ends = [checkpoints.position(item["kinesis"]["sequenceNumber"], 0) for item in (items[0], items[-1])]
    if not checkpoint.meets(Span(ends[0], ends[1])):
        return items
    return [
        item
        for item in items
        if not checkpoint.has_read(checkpoints.position(item["kinesis"]["sequenceNumber"], 0))
    ]


def _without(span: Span | None, holes: list[int]) -> list[Span]:
    """A span without some positions."""
    if span is None:
        return []
    parts, start = [], span.start
    for hole in sorted(hole for hole in holes if span.start <= hole <= span.end):
        if hole > start:
            parts.append(Span(start, hole - 1))
        start = hole + 1
    return [*parts, Span(start, span.end)] if start <= span.end else parts


def _placed(incident: Incident, position: Callable[[int], int]) -> Incident:
    """The incident with positions for its lines, which are the same in whatever batch its events come."""
    samples = tuple(event._replace(lines=tuple(map(position, event.lines))) for event in incident.samples)
    return replace(
        incident,
        first_line=position(incident.first_line),
        last_line=position(incident.last_line),
        samples=samples,
    )

"""The life cycle of an incident: a pure state machine, shared by the live shells and the alerts.

    (nothing) --seen--> OPENED --diagnosed--> DIAGNOSED --silence--> QUIET --seen--> OPENED or DIAGNOSED (recurred)
    any --a person--> RESOLVED --seen later--> REGRESSED --silence--> QUIET
    any --a person--> MUTED --mute expired, and seen--> OPENED or DIAGNOSED (recurred)

Sightings are idempotent. A sighting that is redelivered, reordered or split into other batches changes no count and
repeats no change.

A shell reads the stored incident, calls `advance`, and writes the result under the version that it read. On a conflict it
reads again. It then publishes the `unsent` changes and writes `sent(...)`. After a crash between write and publish, the
redelivered batch publishes the changes. A crash before the last write publishes a change twice, under the same number.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cali.core.life import Change, ChangeKind, Span, StoredIncident
from cali.core.models import Diagnosis, Event, Incident, Severity, Status
from cali.stages.detect.positions import covers, uncopied, unread, with_span

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSENT = 32  # maximum unpublished changes; beyond it the oldest change after the first is dropped
SAMPLES = 5
COPIED_WITHIN = 3_600.0  # seconds of silence after which no copy of an earlier record is expected
AHEAD = 60.0  # maximum seconds by which a line's clock may be ahead


@dataclass(frozen=True, slots=True)
class LifePolicy:
    """The policy that decides when an incident is quiet.

    If an incident recurs within `flap_window` of going quiet, the required silence doubles, up to `2 ** flap_limit`
    times. A flapping incident therefore changes its status less and less often.
    """

    quiet_after: float = 1_800.0
    flap_window: float = 21_600.0
    flap_limit: int = 4
    grace: float = 60.0  # seconds after a resolve in which old processes may still log the error


@dataclass(frozen=True, slots=True)
class Sighting:
    """The events of one incident in one batch.

    The batch read all of `source` from `start` to `end`. `positions` holds (position, number of events that began there).
    The count is the sum of these; `incident.count` is not used. From `unsettled` on, positions may still arrive: they were
    deferred, or belong to a late batch. `arrived` is the time at which its newest line reached the source. `marks` holds
    hashes of the records at some positions; two records with the same hash are the same record, sent twice.
    """

    incident: Incident
    source: str
    start: int
    end: int
    positions: tuple[tuple[int, int], ...]
    unsettled: int | None = None
    arrived: float | None = None
    marks: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The updated incident and its new changes. `stored.unsent` also holds the changes until `sent` removes them."""

    stored: StoredIncident
    events: tuple[Change, ...] = ()


POLICY = LifePolicy()


def advance(known: StoredIncident | None, seen: Sighting, now: float, policy: LifePolicy = POLICY) -> Outcome:
    """Apply a sighting to the stored incident. `known` is None for a new incident."""
    seen = replace(seen, incident=_timely(seen.incident, now if seen.arrived is None else seen.arrived))
    if known is None:
        return _opened(seen, now)
    span = Span(seen.start, seen.end)
    if covers(known.reads, seen.source, span):
        return Outcome(known)
    marks = known.marks if now - known.heard_at <= COPIED_WITHIN else ()
    fresh, marks = uncopied(marks, unread(known.reads, seen.source, seen.positions), seen.marks)
    reads = with_span(known.reads, seen.source, span, now, seen.unsettled)
    stored = replace(known, reads=reads, marks=marks)
    if not fresh:
        return Outcome(stored)
    before = known.incident
    time = seen.incident.last_seen
    at = now if time is None else min(time, now)
    late = time is not None and before.last_seen is not None and time <= before.last_seen
    merged = _merged(before, seen.incident, fresh)
    stored = replace(stored, incident=merged, heard_at=max(known.heard_at, now))
    stored, kinds = _returned(stored, at, now, late, policy)
    if merged.severity > before.severity and stored.incident.status not in (Status.MUTED, Status.RESOLVED):
        kinds += (ChangeKind.ESCALATED,)
    return _changed(stored, kinds, now, arrived=seen.arrived)


def sweep(stored: StoredIncident, now: float, policy: LifePolicy = POLICY) -> Outcome:
    """Mark an incident as quiet if it was not seen for long enough."""
    status = stored.incident.status
    if status == Status.MUTED and stored.muted_until is not None and now >= stored.muted_until:
        pass  # the mute has expired, so silence counts again
    elif status not in (Status.OPENED, Status.DIAGNOSED, Status.REGRESSED):
        return Outcome(stored)
    if now - stored.heard_at < policy.quiet_after * 2 ** min(stored.flaps, policy.flap_limit):
        return Outcome(stored)
    quiet = replace(_with(stored, Status.QUIET), quiet_at=now, muted_until=None)
    return _changed(quiet, (ChangeKind.QUIET,), now)


def diagnose(stored: StoredIncident, diagnosis: Diagnosis, now: float) -> Outcome:
    """Attach a diagnosis. A repeated diagnosis changes nothing."""
    if stored.incident.diagnosis == diagnosis:
        return Outcome(stored)
    status = Status.DIAGNOSED if stored.incident.status == Status.OPENED else stored.incident.status
    incident = replace(stored.incident, diagnosis=diagnosis, status=status)
    return _changed(replace(stored, incident=incident), (ChangeKind.DIAGNOSED,), now)


def resolve(stored: StoredIncident, now: float, by: str = "") -> Outcome:
    """Mark an incident as resolved by a person. A later sighting is a regression."""
    if stored.incident.status == Status.RESOLVED:
        return Outcome(stored)
    done = replace(_with(stored, Status.RESOLVED), resolved_at=now, muted_until=None, flaps=0)
    return _changed(done, (ChangeKind.RESOLVED,), now, by)


def mute(stored: StoredIncident, now: float, until: float | None, by: str = "") -> Outcome:
    """Mute an incident until a time, or for ever (None). Its events are still counted."""
    if stored.incident.status == Status.MUTED and stored.muted_until == until:
        return Outcome(stored)
    return _changed(
        replace(_with(stored, Status.MUTED), muted_until=until), (ChangeKind.MUTED,), now, by, until
    )


def sent(stored: StoredIncident, number: int) -> StoredIncident:
    """Remove the changes up to a number from `unsent`, after they were published."""
    return replace(stored, unsent=tuple(change for change in stored.unsent if change.number > number))


def _timely(incident: Incident, arrived: float) -> Incident:
    """Replace times in the future by the time of arrival.

    With a time in the future, all events until then would count as late and reopen nothing.
    """

    def timely(time: float | None) -> float | None:
        return arrived if time is not None and not 0 <= time <= arrived + AHEAD else time

    return replace(incident, first_seen=timely(incident.first_seen), last_seen=timely(incident.last_seen))


def _opened(seen: Sighting, now: float) -> Outcome:
    count, marks = uncopied((), seen.positions, seen.marks)
    incident = replace(seen.incident, count=count, status=Status.OPENED)
    reads = with_span((), seen.source, Span(seen.start, seen.end), now, seen.unsettled)
    stored = StoredIncident(incident, heard_at=now, reads=reads, marks=marks)
    return _changed(stored, (ChangeKind.OPENED,), now, arrived=seen.arrived)


def _returned(
    stored: StoredIncident, at: float, now: float, late: bool, policy: LifePolicy
) -> tuple[StoredIncident, tuple[ChangeKind, ...]]:
    """Return the state and the changes of an incident that was over and is seen again at time `at`."""
    status = stored.incident.status
    if status == Status.QUIET and not late:
        soon = stored.quiet_at is not None and now - stored.quiet_at < policy.flap_window
        flaps = min(stored.flaps + 1, policy.flap_limit) if soon else 0
        return replace(_with(stored, _active(stored)), flaps=flaps, quiet_at=None), (ChangeKind.RECURRED,)
    if status == Status.MUTED and stored.muted_until is not None and now >= stored.muted_until:
        return replace(_with(stored, _active(stored)), muted_until=None), (ChangeKind.RECURRED,)
    if (
        status == Status.RESOLVED
        and stored.resolved_at is not None
        and at > stored.resolved_at + policy.grace
    ):
        return replace(_with(stored, Status.REGRESSED), flaps=0), (ChangeKind.REGRESSED,)
    return stored, ()


def _active(stored: StoredIncident) -> Status:
    return Status.OPENED if stored.incident.diagnosis is None else Status.DIAGNOSED


def _with(stored: StoredIncident, status: Status) -> StoredIncident:
    return replace(stored, incident=replace(stored.incident, status=status))


def _changed(
    stored: StoredIncident,
    kinds: tuple[ChangeKind, ...],
    now: float,
    by: str = "",
    until: float | None = None,
    arrived: float | None = None,
) -> Outcome:
    incident = stored.incident
    made = tuple(
        Change(
            incident.id,
            stored.changes + place,
            kind,
            now,
            incident.severity,
            incident.count,
            by,
            until,
            arrived,
        )
        for place, kind in enumerate(kinds, 1)
    )
    unsent = stored.unsent + made
    if len(unsent) > UNSENT:
        unsent = unsent[:1] + unsent[1 - UNSENT :]
    return Outcome(replace(stored, changes=stored.changes + len(made), unsent=unsent), made)


def _merged(one: Incident, other: Incident, fresh: int) -> Incident:
    """Merge two views of an incident, in any order: the start from the earlier one, the end from the later one."""
    first, _ = sorted((one, other), key=_when)
    severity: Severity = max(one.severity, other.severity)
    return replace(
        one,
        title=first.title,
        severity=severity,
        count=one.count + fresh,
        first_line=first.first_line,
        last_line=max(
            one, other, key=lambda incident: (_time(incident.last_seen), incident.last_line)
        ).last_line,
        first_seen=min((one.first_seen, other.first_seen), key=lambda time: (time is None, time)),
        last_seen=max((one.last_seen, other.last_seen), key=_time),
        samples=_samples(one.samples + other.samples),
        burst=one.burst or other.burst,
        follows=one.follows or other.follows,
    )


def _time(time: float | None) -> float:
    return float("-inf") if time is None else time


def _when(incident: Incident) -> tuple[bool, float, int, str]:
    time = incident.first_seen
    return (time is None, time or 0.0, incident.first_line, incident.title)


def _samples(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return the first event, the last, and the earliest events with different messages."""
    known = {(event.lines, event.message): event for event in events}
    told = sorted(known.values(), key=lambda event: (_time(event.time), event.lines, event.message))
    if len(told) <= SAMPLES:
        return tuple(told)
    messages, kept = {told[0].message}, told[:1]
    for event in told[1:-1]:
        if len(kept) < SAMPLES - 1 and event.message not in messages:
            messages.add(event.message)
            kept.append(event)
    return (*kept, told[-1])

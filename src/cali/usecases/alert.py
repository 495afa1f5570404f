"""Alerts, which notify people of incidents: take a change, decide, send, and store what was sent.

    handle(change) -> decide -> claim -> send -> store the result
    flush()        -> the same for incidents that are due: new counts, failures, the end of quiet hours, digests

The decision is stored before anything is sent. If a sink is down, the next flush tries again. If a process stops between
sending and storing, a mark stays. The next attempt then asks the sink whether the message arrived.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from cali.core.errors import CaliError, Conflict, Poison, Retryable
from cali.core.life import Change, ChangeKind, StoredIncident
from cali.core.models import KnowledgeEntry
from cali.core.optimistic import update
from cali.core.ports import AlertStore, IncidentStore, Note
from cali.stages.notify import state_update
from cali.stages.notify.content import reference
from cali.stages.notify.context import ContextBuilder, key_of, reply_text
from cali.stages.notify.decide import (
    AlertContext,
    Digest,
    Edit,
    Effect,
    Follow,
    Post,
    Reply,
    Skip,
    decide,
    enroll,
    record_change,
    with_follower,
)
from cali.stages.notify.rules import Rules
from cali.stages.notify.sink import LivingSink, MessageGone, Sink, Style
from cali.stages.notify.state import AlertState, dumps, loads, with_count
from cali.stages.notify.words import Words
from cali.usecases.send_digests import Digests

LEASE = 60.0  # seconds after which a sending process is considered dead
ATTEMPTS = 8
STEP = 0.1


class AlertResult(StrEnum):
    """The result of a change."""

    NOTHING = "nothing"  # there was nothing to send
    SENT = "sent"
    LATER = "later"  # a sink failed; a flush tries again


class FlushResult(NamedTuple):
    """Counts of a flush: incidents looked at, sent, and left for later."""

    looked: int = 0
    sent: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class AlertPorts:
    """Ports and rules of Alerts.

    `sink` returns a sink by its name in the rules. `entry` returns a knowledge entry, for its tags and references.
    `wait` is the number of seconds that an email may wait for the diagnosis of an opened incident.
    """

    incidents: IncidentStore
    alerts: AlertStore
    rules: Rules
    sink: Callable[[str], Sink]
    say: Words
    now: Callable[[], float]
    sleep: Callable[[float], None]
    entry: Callable[[str], KnowledgeEntry | None] = lambda _: None
    wait: float = 0.0
    answers: bool = True  # buttons are shown, and something handles them
    warn: Callable[[str], None] = lambda _: None


class Alerts:
    """Sends alerts. Several processes may use one store."""

    def __init__(self, ports: AlertPorts) -> None:
        self._ports = ports
        self._contexts = ContextBuilder(
            ports.rules, ports.sink, ports.incidents, ports.say, ports.entry, ports.answers
        )
        self._digests = Digests(ports.alerts, ports.sink, ports.say, ports.rules.storm, ports.now, ports.warn)

    def handle(self, change: Change) -> AlertResult:
        """Handle one change. Changes may come in any order and more than once.

        Raise Retryable if another process is sending this incident, or a store does not answer.
        """
        self._await_diagnosis(change)
        return self._look(change.incident, change)

    def flush(self, limit: int = 200, seconds: float = 25.0) -> FlushResult:
        """Send what is due, for at most `seconds`. Call it about once a minute; the next call begins with the rest."""
        looked = sent = later = 0
        until = self._ports.now() + seconds
        for key in self._ports.alerts.due(self._ports.now(), limit):
            kind, _, name = key.partition("/")
            if self._ports.now() >= until:
                break
            looked += 1
            try:
                result = self._digests.send(key) if kind == "digest" else self._look(name, None)
            except Retryable:
                later += 1
                continue
            except Exception as error:  # one incident must not block the others
                later += 1
                self._ports.warn(f"{key}: {_line(error)}")
                self._put_off(key)
                continue
            sent += result == AlertResult.SENT
            later += result == AlertResult.LATER
        return FlushResult(looked, sent, later)

    def _put_off(self, key: str) -> None:
        """Delay an incident that failed, so that the others come first."""
        with suppress(CaliError):
            note = self._ports.alerts.get(key)
            if note is not None:
                self._ports.alerts.put(replace(note, due=self._ports.now() + state_update.LONGEST_PAUSE))

    def _await_diagnosis(self, change: Change) -> None:
        """Wait for the diagnosis of an opened incident, if one of its messages cannot be edited later."""
        ports = self._ports
        until = min(change.at, ports.now()) + ports.wait  # the clock that wrote the change may be ahead
        if change.kind is not ChangeKind.OPENED or ports.now() >= until:
            return
        stored = ports.incidents.get(change.incident)
        if stored is None or Style.LETTERS not in self._contexts.styles(stored):
            return
        while stored is not None and stored.incident.diagnosis is None and ports.now() < until:
            ports.sleep(STEP)
            stored = ports.incidents.get(change.incident)

    def _look(self, incident: str, change: Change | None) -> AlertResult:
        for _ in range(ATTEMPTS):
            result, again = self._process(incident, change)
            if not again:
                return result
            change = None  # a message was deleted, and the state now records that
        raise Retryable(f"incident {incident}: changed by other processes {ATTEMPTS} times in a row")

    def _process(self, incident: str, change: Change | None) -> tuple[AlertResult, bool]:
        ports, key = self._ports, f"incident/{incident}"
        plan: _SendPlan | None = None

        def claim(note: Note) -> Note | None:
            nonlocal plan
            new, plan = self._plan(incident, note, change)
            return new

        note = update(lambda: ports.alerts.get(key) or Note(key, ""), claim, ports.alerts.put, key)
        if plan is None:
            return AlertResult.NOTHING, False
        run = _Effects(self, plan.context, plan.before, plan.state)
        for effect in plan.work:
            run.do(effect)
        due = (
            plan.now
            if run.gone
            else state_update.next_due(run.state, plan.context, plan.effects, ports.now())
        )
        try:
            self._store_patiently(note, run.state, due)
        except Conflict as error:
            raise Retryable(f"incident {incident}: the lease ended before the alert was stored") from error
        for key in run.digests:
            self._digests.send(key)
        for root in run.roots:
            self._look_at_root(root)
        result = AlertResult.LATER if run.failed else AlertResult.SENT if run.sent else AlertResult.NOTHING
        return result, run.gone

    def _plan(self, incident: str, note: Note, change: Change | None) -> tuple[Note | None, _SendPlan | None]:
        """Return the note to write before sending, and what to send. Each is None if it is not needed."""
        ports, now = self._ports, self._ports.now()
        stored = ports.incidents.get(incident)
        if stored is None:
            return (None if note.due is None else replace(note, due=None)), None
        state = self._read(note)
        if 0 < state.busy - now <= LEASE:
            raise Retryable(f"incident {incident}: is being sent by another process", after=state.busy - now)
        fresh = change is not None and not state.has(change.number)
        places = self._contexts.places(stored, state)
        state = enroll(state, places)
        state = record_change(state, change) if change else state
        state = with_count(state, now, stored.incident.count)
        context = self._contexts.build(stored, state, change, now, places)
        effects = decide(change if fresh else None, state, context, now)
        state = state_update.during_quiet_hours(state, context)
        work = tuple(effect for effect in effects if not isinstance(effect, Skip))
        if not work:
            return _changed(note, state, state_update.next_due(state, context, effects, now)), None
        before = state
        for effect in work:
            state = state_update.before_sending(state, effect, key_of(effect, context, state), now)
        claim = replace(note, body=dumps(replace(state, busy=now + LEASE)), due=now + LEASE)
        return claim, _SendPlan(context, tuple(effects), work, before, state, now)

    def _read(self, note: Note) -> AlertState:
        """Return the stored state. A damaged one is replaced: a duplicate message is better than none."""
        try:
            return loads(note.body) if note.body else AlertState()
        except Poison as error:
            self._ports.warn(f"{note.key}: the stored state is damaged and starts empty: {error}")
            return AlertState()

    def _store_patiently(self, note: Note, state: AlertState, due: float | None) -> None:
        """Store what was sent, with retries. A sink without history would otherwise get it twice."""
        new = _changed(note, state, due)
        if new is None:
            return
        for attempt in range(ATTEMPTS):
            try:
                self._ports.alerts.put(new)
            except Conflict:
                raise
            except Retryable:
                if attempt == ATTEMPTS - 1:
                    raise
                self._ports.sleep(min(STEP * 2**attempt, 5.0))
            else:
                return

    def _look_at_root(self, root: str) -> None:
        try:
            self._look(root, None)
        except Retryable:
            return  # it is due, so the next flush sends it

    def follow(self, root: str, target: str, stored: StoredIncident) -> None:
        """Add a follower to its root. The next look at the root replies in its thread."""
        ports = self._ports
        key = f"incident/{root}"

        def add(note: Note) -> Note:
            now, state = ports.now(), self._read(note)
            if 0 < state.busy - now <= LEASE:
                raise Retryable(f"incident {root}: is being sent by another process", after=1.0)
            return replace(note, body=dumps(with_follower(state, target, reference(stored))), due=now)

        update(lambda: ports.alerts.get(key) or Note(key, ""), add, ports.alerts.put, key)

    @property
    def ports(self) -> AlertPorts:
        return self._ports

    @property
    def digests(self) -> Digests:
        return self._digests


class _SendPlan(NamedTuple):
    """The effects of one decision. `before` is the state without the marks that `state` has."""

    context: AlertContext
    effects: tuple[Effect | Skip, ...]
    work: tuple[Effect, ...]
    before: AlertState
    state: AlertState
    now: float


class _Effects:
    """The effects of one decision, in order. A sink that fails does not block the others."""

    def __init__(self, alerts: Alerts, context: AlertContext, before: AlertState, state: AlertState) -> None:
        self._alerts = alerts
        self._context = context
        self._before = before  # marks the effects that were tried earlier
        self.state = state
        self.sent = 0
        self.failed = False
        self.gone = False
        self.digests: list[str] = []
        self.roots: list[str] = []
        self._down: set[str] = set()

    def do(self, effect: Effect) -> None:
        if effect.target in self._down:
            return
        ports = self._alerts.ports
        target = self._context.targets[effect.target]
        try:
            if (
                isinstance(effect, Post)
                and effect.opens
                and target.style is not Style.EVENTS
                and not self._admit(effect)
            ):
                effect = Digest(effect.target, "storm", "too many new incidents at once")
            ref = self._send(effect)
            self.state = state_update.after_success(self.state, effect, target, ref, ports.now())
        except MessageGone:
            self._down.add(effect.target)
            self.gone = True
            self.state = state_update.after_deletion(self.state, effect)
        except Exception as error:  # a sink with a defect must not block the others
            self._down.add(effect.target)
            self.failed = True
            self.state = state_update.after_failure(self.state, effect, target, error, ports.now())
            if not isinstance(error, Retryable):
                ports.warn(f"{effect.target}: {_line(error)}")

    def _admit(self, effect: Post) -> bool:
        sent_state = self.state.of(effect.target)
        if (
            sent_state.admitted or sent_state.folded == "storm"
        ):  # admitted earlier, or more severe than when the digest named it
            return True
        send = self._context.targets[effect.target].destination
        key, admitted = self._alerts.digests.admit(send, reference(self._context.stored))
        if admitted:
            self.state = self.state.with_sent(effect.target, replace(sent_state, admitted=True))
        else:
            self.digests.append(key)
        return admitted

    def _send(self, effect: Effect) -> str:
        target = self._context.targets[effect.target]
        sink = self._alerts.ports.sink(target.destination.sink)
        sent_state = self.state.of(effect.target)
        key = key_of(effect, self._context, self.state)
        match effect:
            case Post():
                ref = self._find_earlier(sink, effect, key)
                if not ref:
                    ref = sink.post(
                        replace(target.message, key=key, kind=effect.kind), target.destination.channel
                    )
                    self.sent += 1
                return ref
            case Edit():
                _living(sink).edit(sent_state.ref, replace(target.message, key=key))
                self.sent += 1
            case Reply():
                if not self._find_earlier(sink, effect, key):
                    text = reply_text(effect.line, self._alerts.ports.say)
                    _living(sink).reply(sent_state.ref, key, text, broadcast=effect.line.broadcast)
                    self.sent += 1
            case Follow():
                if target.style is Style.LIVING:
                    self._alerts.follow(effect.root, effect.target, self._context.stored)
                    self.roots.append(effect.root)
            case Digest() if effect.which == "hours":
                self._alerts.digests.fold("hours", target.destination, reference(self._context.stored))
        return ""

    def _find_earlier(self, sink: Sink, effect: Post | Reply, key: str) -> str:
        """Return the name of a message that an earlier attempt has sent; empty if there is none."""
        sent_state = self._before.of(effect.target)
        target = self._context.targets[effect.target]
        if not sent_state.trying or target.style is not Style.LIVING:
            return ""
        thread = sent_state.ref if isinstance(effect, Reply) else ""
        return _living(sink).find(key, target.destination.channel, sent_state.tried_at, thread)


def _changed(note: Note, state: AlertState, due: float | None) -> Note | None:
    """Return the note of a state whose messages are sent; None if the note says that already."""
    body = dumps(replace(state, busy=0.0))
    return None if (body, due) == (note.body, note.due) else replace(note, body=body, due=due)


def _line(error: Exception) -> str:
    """Return an error as one line, with its class if it is not a CaliError."""
    return str(error) if isinstance(error, CaliError) else f"{type(error).__name__}: {error}"


def _living(sink: Sink) -> LivingSink:
    assert sink.style is Style.LIVING  # noqa: S101 - `decide` edits and replies only there
    return sink  # type: ignore[return-value]  # its style says so

"""Tells people: takes changes in the lives of incidents, looks, decides, sends, and remembers what was sent.

    hear(change) -> look -> decide -> claim -> send -> keep what came of it
    flush()      -> look at what is due: changed counts, what a place did not take, the end of quiet hours, digests

Whatever is to be sent is kept before it is sent, so a place that is down loses nothing: the next flush tries again. Who
stops between sending and keeping leaves a mark, and the next look asks the place whether it arrived.
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
from cali.stages.notify import state_update as after
from cali.stages.notify.content import named
from cali.stages.notify.context import Setting, key_of, reply_text
from cali.stages.notify.decide import (
    Action,
    Digest,
    Edit,
    Follow,
    Post,
    Reply,
    Scene,
    Skip,
    decide,
    enrolled,
    followed,
    hear,
)
from cali.stages.notify.rules import Rules
from cali.stages.notify.sink import Gone, LivingSink, Sink, Style
from cali.stages.notify.state import AlertState, dumps, loads, pointed
from cali.stages.notify.words import Words
from cali.usecases.send_digests import Digests

LEASE = 60.0  # seconds in which what was begun is sent, or its sender has died
ATTEMPTS = 8
STEP = 0.1


class Heard(StrEnum):
    """What came of a change."""

    NOTHING = "nothing"  # nobody is to be told, or all was told before
    SENT = "sent"
    LATER = "later"  # a place did not take it; it is kept, and a flush tries again


class Flushed(NamedTuple):
    """What a flush did."""

    looked: int = 0
    sent: int = 0
    later: int = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """What Alerts are made of. `sink` gives the sink of a name in the rules; `entry` a knowledge entry, for its tags and
    references; `wait` is how long an opened incident may wait for its diagnosis before a letter is sent."""

    incidents: IncidentStore
    alerts: AlertStore
    rules: Rules
    sink: Callable[[str], Sink]
    say: Words
    now: Callable[[], float]
    sleep: Callable[[float], None]
    entry: Callable[[str], KnowledgeEntry | None] = lambda _: None
    wait: float = 0.0
    answers: bool = True  # somebody takes the answers to buttons
    warn: Callable[[str], None] = lambda _: None


class Alerts:
    """Tells people. Safe to use from several processes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._setting = Setting(
            parts.rules, parts.sink, parts.incidents, parts.say, parts.entry, parts.answers
        )
        self._digests = Digests(parts.alerts, parts.sink, parts.say, parts.rules.storm, parts.now, parts.warn)

    def hear(self, change: Change) -> Heard:
        """Takes one change, in whatever order and however often. Raises Retryable when another process is telling this
        incident just now, or a store does not answer."""
        self._settled(change)
        return self._look(change.incident, change)

    def flush(self, limit: int = 200, seconds: float = 25.0) -> Flushed:
        """Does what is due, for so many seconds at most. To be called about once a minute; what is left comes first then."""
        looked = sent = later = 0
        until = self._parts.now() + seconds
        for key in self._parts.alerts.due(self._parts.now(), limit):
            kind, _, name = key.partition("/")
            if self._parts.now() >= until:
                break
            looked += 1
            try:
                heard = self._digests.send(key) if kind == "digest" else self._look(name, None)
            except Retryable:
                later += 1
                continue
            except Exception as error:  # one incident keeps no other from being told
                later += 1
                self._parts.warn(f"{key}: {_line(error)}")
                self._put_off(key)
                continue
            sent += heard == Heard.SENT
            later += heard == Heard.LATER
        return Flushed(looked, sent, later)

    def _put_off(self, key: str) -> None:
        """Lets those that can be told come first the next time."""
        with suppress(CaliError):
            note = self._parts.alerts.get(key)
            if note is not None:
                self._parts.alerts.put(replace(note, due=self._parts.now() + after.LONGEST_PAUSE))

    def _settled(self, change: Change) -> None:
        """Waits for the diagnosis of what has just opened, where a message cannot be changed later."""
        parts = self._parts
        until = change.at + parts.wait
        if change.kind is not ChangeKind.OPENED or parts.now() >= until:
            return
        stored = parts.incidents.get(change.incident)
        if stored is None or Style.LETTERS not in self._setting.styles(stored):
            return
        while stored is not None and stored.incident.diagnosis is None and parts.now() < until:
            parts.sleep(STEP)
            stored = parts.incidents.get(change.incident)

    def _look(self, incident: str, change: Change | None) -> Heard:
        for _ in range(ATTEMPTS):
            heard, again = self._looked(incident, change)
            if not again:
                return heard
            change = None  # a message was found deleted: it has been taken note of, look anew
        raise Retryable(f"incident {incident}: told by others {ATTEMPTS} times in a row")

    def _looked(self, incident: str, change: Change | None) -> tuple[Heard, bool]:
        parts, key = self._parts, f"incident/{incident}"
        plan: _Plan | None = None

        def claimed(note: Note) -> Note | None:
            nonlocal plan
            claim, plan = self._planned(incident, note, change)
            return claim

        note = update(lambda: parts.alerts.get(key) or Note(key, ""), claimed, parts.alerts.put, key)
        if plan is None:
            return Heard.NOTHING, False
        run = _Run(self, plan.scene, plan.before, plan.state)
        for action in plan.work:
            run.do(action)
        due = plan.now if run.gone else after.next_look(run.state, plan.scene, plan.actions, parts.now())
        try:
            self._keep_sent(note, run.state, due)
        except Conflict as error:
            raise Retryable(f"incident {incident}: took too long to tell") from error
        for key in run.digests:
            self._digests.send(key)
        for root in run.roots:
            self._told_root(root)
        heard = Heard.LATER if run.failed else Heard.SENT if run.sent else Heard.NOTHING
        return heard, run.gone

    def _planned(self, incident: str, note: Note, change: Change | None) -> tuple[Note | None, _Plan | None]:
        """Return the note to write before anything is sent, and what to send; None for each that is not needed."""
        parts, now = self._parts, self._parts.now()
        stored = parts.incidents.get(incident)
        if stored is None:
            return (None if note.due is None else replace(note, due=None)), None
        state = self._read(note)
        if 0 < state.busy - now <= LEASE:
            raise Retryable(f"incident {incident}: is being told by another process", after=state.busy - now)
        fresh = change is not None and not state.heard(change.number)
        state = enrolled(state, self._setting.targets(stored, state, None))
        state = hear(state, change) if change else state
        state = pointed(state, now, stored.incident.count)
        scene = self._setting.scene(stored, state, change, now)
        actions = decide(change if fresh else None, state, scene, now)
        state = after.held_back(state, scene)
        work = tuple(action for action in actions if not isinstance(action, Skip))
        if not work:
            return _changed(note, state, after.next_look(state, scene, actions, now)), None
        before = state
        for action in work:
            state = after.trying(state, action, key_of(action, scene, state), now)
        claim = replace(note, body=dumps(replace(state, busy=now + LEASE)), due=now + LEASE)
        return claim, _Plan(scene, tuple(actions), work, before, state, now)

    def _read(self, note: Note) -> AlertState:
        """What was told. What cannot be read is begun anew: a message that comes twice is better than none."""
        try:
            return loads(note.body) if note.body else AlertState()
        except Poison as error:
            self._parts.warn(f"{note.key}: begun anew: {error}")
            return AlertState()

    def _keep_sent(self, note: Note, state: AlertState, due: float | None) -> None:
        """Keeps what was sent, patiently: what is not kept is sent again where a place cannot be asked for it."""
        new = _changed(note, state, due)
        if new is None:
            return
        for attempt in range(ATTEMPTS):
            try:
                self._parts.alerts.put(new)
            except Conflict:
                raise
            except Retryable:
                if attempt == ATTEMPTS - 1:
                    raise
                self._parts.sleep(min(STEP * 2**attempt, 5.0))
            else:
                return

    def _told_root(self, root: str) -> None:
        try:
            self._look(root, None)
        except Retryable:
            return  # it is due, so the next flush does it

    def follow(self, root: str, target: str, stored: StoredIncident) -> None:
        """Adds what followed to the incident that broke first; its thread is told of it with the next look."""
        parts = self._parts
        key = f"incident/{root}"

        def added(note: Note) -> Note:
            now, state = parts.now(), self._read(note)
            if 0 < state.busy - now <= LEASE:
                raise Retryable(f"incident {root}: is being told by another process", after=1.0)
            return replace(note, body=dumps(followed(state, target, named(stored))), due=now)

        update(lambda: parts.alerts.get(key) or Note(key, ""), added, parts.alerts.put, key)

    @property
    def parts(self) -> Parts:
        return self._parts

    @property
    def digests(self) -> Digests:
        return self._digests


class _Plan(NamedTuple):
    """The actions of one look. `before` is the state without the attempts that `state` records."""

    scene: Scene
    actions: tuple[Action | Skip, ...]
    work: tuple[Action, ...]
    before: AlertState
    state: AlertState
    now: float


class _Run:
    """The actions of one look, done one after the other. One place that fails keeps no other from being told."""

    def __init__(self, alerts: Alerts, scene: Scene, before: AlertState, state: AlertState) -> None:
        self._alerts = alerts
        self._scene = scene
        self._before = before  # what was tried earlier is marked here
        self.state = state
        self.sent = 0
        self.failed = False
        self.gone = False
        self.digests: list[str] = []
        self.roots: list[str] = []
        self._down: set[str] = set()

    def do(self, action: Action) -> None:
        if action.target in self._down:
            return
        parts = self._alerts.parts
        target = self._scene.targets[action.target]
        try:
            if (
                isinstance(action, Post)
                and action.opens
                and target.style is not Style.EVENTS
                and not self._admitted(action)
            ):
                action = Digest(action.target, "storm", "too many new incidents at once")
            ref = self._done(action)
            self.state = after.done(self.state, action, target, ref, parts.now())
        except Gone:
            self._down.add(action.target)
            self.gone = True
            self.state = after.gone(self.state, action)
        except Exception as error:  # a sink with a defect keeps no other from being told
            self._down.add(action.target)
            self.failed = True
            self.state = after.failed(self.state, action, target, error, parts.now())
            if not isinstance(error, Retryable):
                parts.warn(f"{action.target}: {_line(error)}")

    def _admitted(self, action: Post) -> bool:
        told = self.state.of(action.target)
        if told.admitted or told.folded == "storm":  # it was before, or it was in the digest and got worse
            return True
        send = self._scene.targets[action.target].send
        key, admitted = self._alerts.digests.admit(send, named(self._scene.stored))
        if admitted:
            self.state = self.state.with_told(action.target, replace(told, admitted=True))
        else:
            self.digests.append(key)
        return admitted

    def _done(self, action: Action) -> str:
        target = self._scene.targets[action.target]
        sink = self._alerts.parts.sink(target.send.sink)
        told = self.state.of(action.target)
        key = key_of(action, self._scene, self.state)
        match action:
            case Post():
                ref = self._found(sink, action, key)
                if not ref:
                    ref = sink.post(replace(target.message, key=key, kind=action.kind), target.send.channel)
                    self.sent += 1
                return ref
            case Edit():
                _living(sink).edit(told.ref, replace(target.message, key=key))
                self.sent += 1
            case Reply():
                if not self._found(sink, action, key):
                    text = reply_text(action.line, self._alerts.parts.say)
                    _living(sink).reply(told.ref, key, text, broadcast=action.line.broadcast)
                    self.sent += 1
            case Follow():
                if target.style is Style.LIVING:
                    self._alerts.follow(action.root, action.target, self._scene.stored)
                    self.roots.append(action.root)
            case Digest() if action.which == "hours":
                self._alerts.digests.fold("hours", target.send, named(self._scene.stored))
        return ""

    def _found(self, sink: Sink, action: Post | Reply, key: str) -> str:
        """The name of what an earlier try has sent after all."""
        told = self._before.of(action.target)
        target = self._scene.targets[action.target]
        if not told.trying or target.style is not Style.LIVING:
            return ""
        thread = told.ref if isinstance(action, Reply) else ""
        return _living(sink).find(key, target.send.channel, told.tried_at, thread)


def _changed(note: Note, state: AlertState, due: float | None) -> Note | None:
    """Return the note of a state whose messages are sent; None if the note says that already."""
    body = dumps(replace(state, busy=0.0))
    return None if (body, due) == (note.body, note.due) else replace(note, body=body, due=due)


def _line(error: Exception) -> str:
    """An error as one line; one that is not ours with its class."""
    return str(error) if isinstance(error, CaliError) else f"{type(error).__name__}: {error}"


def _living(sink: Sink) -> LivingSink:
    assert sink.style is Style.LIVING  # noqa: S101 - decide edits and answers nowhere else
    return sink  # type: ignore[return-value]  # its style says so

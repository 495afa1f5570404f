"""Decides what each place is to be told: pure, from the incident as it is now and what was told before.

    change -> hear -> state -> decide -> actions -> (sent) -> after -> state

A message always shows the incident as it is when it is sent, so changes that come twice, late or in another order are
harmless: they make us look again, and what is already shown is not sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cali.core.life import Change, ChangeKind, StoredIncident
from cali.stages.notify.content import Message, Named, Standing, standing
from cali.stages.notify.rules import Send
from cali.stages.notify.sink import Style
from cali.stages.notify.state import FOLLOWERS, AlertState, Line, Told, marked

EDIT_EVERY = 60.0  # seconds between two changes of one message
REPLIES = 5  # in one thread, until it comes back after it was resolved
KEPT_FOR_STATUS = 2  # of these, not spent on what followed
AGAIN = 86_400.0  # after so many seconds of silence, a return is news as at first
REPOSTS = 1
LONGEST_WAIT = 2 * 3_600.0  # seconds that a place is left alone after it failed; no sink asks for more
_SAID = (ChangeKind.ESCALATED, ChangeKind.RECURRED, ChangeKind.REGRESSED, ChangeKind.RESOLVED)


@dataclass(frozen=True, slots=True)
class Post:
    """A new message. `opens`: the place hears of the incident for the first time in this episode. `line` is the change
    that is sent, for a place that gets each."""

    target: str
    kind: str
    why: str
    opens: bool = False
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """The message is changed to show what is so now."""

    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A line below the message."""

    target: str
    line: Line
    why: str


@dataclass(frozen=True, slots=True)
class Follow:
    """The incident is told in the thread of the one that broke first."""

    target: str
    root: str
    why: str


@dataclass(frozen=True, slots=True)
class Digest:
    """The incident is named in a digest instead of a message of its own."""

    target: str
    which: str
    why: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing is sent. `until`: look again then."""

    target: str
    why: str
    until: float | None = None


Action = Post | Edit | Reply | Follow | Digest | Skip


@dataclass(frozen=True, slots=True)
class Target:
    """A place, how it takes messages, and the message that it would show now."""

    send: Send
    style: Style
    message: Message
    root: str = ""  # the active incident that broke first and is told there too
    root_over: bool = False  # it is over, and nothing was heard of this one since


@dataclass(frozen=True, slots=True)
class Scene:
    """An incident, where it is to be told, and why nobody may be told now (`held`, until `held_until`)."""

    stored: StoredIncident
    targets: Mapping[str, Target]
    held: str = ""
    held_until: float = 0.0


def enrolled(state: AlertState, targets: Mapping[str, Target]) -> AlertState:
    """The state that remembers which places get every change, before the change is heard."""
    new = {
        key for key, target in targets.items() if target.style is Style.EVENTS and not state.of(key).standing
    }
    return replace(
        state, told={**state.told, **{key: Told(standing=Style.EVENTS.value) for key in sorted(new)}}
    )


def hear(state: AlertState, change: Change) -> AlertState:
    """The state after a change: what is to be said in threads waits there. A change heard before changes nothing."""
    if state.heard(change.number):
        return state
    late = change.number < state.latest
    state = marked(state, change.number)
    if late:
        events = {
            key: _queued(told, change) for key, told in state.told.items() if told.standing == Style.EVENTS
        }
        return replace(state, told={**state.told, **events})
    returned = change.kind is ChangeKind.RECURRED and state.quiet_at and change.at - state.quiet_at >= AGAIN
    told = {key: _queued(one, change, broadcast=bool(returned)) for key, one in state.told.items()}
    if change.kind is ChangeKind.REGRESSED or returned:
        told = {key: _new_episode(one) for key, one in told.items()}
        state = replace(state, episode=state.episode + 1)
    quiet_at = change.at if change.kind is ChangeKind.QUIET else state.quiet_at
    by = change.by if change.kind in (ChangeKind.RESOLVED, ChangeKind.MUTED) else state.by
    return replace(state, kind=change.kind.value, told=told, quiet_at=quiet_at, by=by)


def followed(state: AlertState, target: str, follower: Named) -> AlertState:
    """The state of a root after something followed from it."""
    told = state.of(target)
    key = f"follower:{follower.id}"
    if follower.id not in {one.id for one in state.followers}:
        state = replace(state, followers=(*state.followers, follower)[:FOLLOWERS])
    elif told.ref:
        return state
    room = REPLIES - KEPT_FOR_STATUS - told.replies - len(told.waiting)
    if room <= 0 or any(line.key == key for line in told.waiting):
        return state
    line = Line(key, "followed", title=f"{follower.title} ({follower.scope})")
    return state.with_told(target, replace(told, waiting=(*told.waiting, line)))


def decide(change: Change | None, state: AlertState, scene: Scene, now: float) -> tuple[Action, ...]:
    """What to send now. `state` has heard the change already; without one it is only time to look again."""
    return tuple(
        action
        for key, target in scene.targets.items()
        for action in _STYLES[target.style](key, target, state.of(key), scene, change, now)
    )


def _living(
    key: str, target: Target, told: Told, scene: Scene, change: Change | None, now: float
) -> tuple[Action, ...]:
    waits = _waits(key, told, now)
    if waits:
        return (waits,)
    if not told.ref:
        return (_first(key, target, told, scene, change, now),)
    actions = [
        _change(key, target, told, now)
    ]  # first: a reply that is refused must not keep the message old
    for place, line in enumerate(told.waiting):
        if told.replies + place < REPLIES:
            actions.append(Reply(key, line, f"{line.kind}: said in its thread"))
    return tuple(actions)


def _change(key: str, target: Target, told: Told, now: float) -> Action:
    if target.message.stamp == told.shown:
        return Skip(key, "the message shows this already")
    if told.edited_at and abs(now - told.edited_at) < EDIT_EVERY:
        return Skip(key, "changed less than a minute ago", told.edited_at + EDIT_EVERY)
    return Edit(key, "what it shows has changed")


def _letters(
    key: str, target: Target, told: Told, scene: Scene, change: Change | None, now: float
) -> tuple[Action, ...]:
    waits = _waits(key, told, now)
    if waits:
        return (waits,)
    if not told.posts:
        return (_first(key, target, told, scene, change, now),)
    if told.posts >= 2:
        return (Skip(key, "two messages were sent"),)
    if told.explained or not target.message.cause:
        return (Skip(key, "nothing that is worth a second message"),)
    if standing(scene.stored) is not Standing.OPEN:
        return (Skip(key, "over, or muted, before it was explained"),)
    return (Post(key, ChangeKind.DIAGNOSED.value, "now it is explained"),)


def _signal(
    key: str, target: Target, told: Told, scene: Scene, change: Change | None, now: float
) -> tuple[Action, ...]:
    waits = _waits(key, told, now)
    if waits:
        return (waits,)
    wanted = standing(scene.stored)
    if not told.standing:
        return (_first(key, target, told, scene, change, now),)
    if told.standing == wanted.value:
        return (Skip(key, f"it is {wanted.value} there already"),)
    if wanted is Standing.OPEN and scene.held:
        return (Skip(key, scene.held, scene.held_until),)
    return (Post(key, scene.stored.incident.status.value, f"it is {wanted.value} now", opens=False),)


def _events(
    key: str, _target: Target, told: Told, _scene: Scene, _change: Change | None, now: float
) -> tuple[Action, ...]:
    waits = _waits(key, told, now)
    if waits:
        return (waits,)
    if not told.waiting:
        return (Skip(key, "nothing new"),)
    return tuple(Post(key, line.kind, "every change is sent once", line=line) for line in told.waiting)


_STYLES = {
    Style.LIVING: _living,
    Style.LETTERS: _letters,
    Style.SIGNAL: _signal,
    Style.EVENTS: _events,
}


def _waits(key: str, told: Told, now: float) -> Skip | None:
    if 0 < told.again_at - now <= LONGEST_WAIT:  # from further ahead it was a clock that was wrong
        return Skip(key, f"it failed {told.failures} times", told.again_at)
    if told.reposts > REPOSTS:
        return Skip(key, "deleted by a person twice")
    if told.refused:
        return Skip(key, f"refused: {told.refused}")
    return None


def _first(key: str, target: Target, told: Told, scene: Scene, change: Change | None, now: float) -> Action:
    """The first word about an incident in a place, or why there is none."""
    if standing(scene.stored) is not Standing.OPEN:
        if told.folded == "held" and scene.held:
            return Skip(key, scene.held, scene.held_until)
        if told.folded == "held":
            return Digest(key, "hours", "over before the quiet hours were")
        return Skip(key, "muted" if standing(scene.stored) is Standing.MUTED else "over before it was told")
    if scene.held:
        return Skip(key, scene.held, scene.held_until)
    if target.root or target.root_over:
        if told.under or target.root_over:
            return Skip(key, "told with the incident that broke first", now + 5 * EDIT_EVERY)
        return Follow(key, target.root, "followed from another incident, told in its thread")
    worse = change is not None and change.kind in (ChangeKind.ESCALATED, ChangeKind.REGRESSED)
    if told.folded == "storm" and not worse:
        return Skip(key, "named in the digest")
    status = scene.stored.incident.status.value
    return Post(
        key, status, "deleted, and posted anew" if told.reposts else "first message", opens=not told.reposts
    )


def _queued(told: Told, change: Change, *, broadcast: bool = False) -> Told:
    events = told.standing == Style.EVENTS
    if not events and (change.kind not in _SAID or not told.ref):
        return told
    broadcast = broadcast or change.kind is ChangeKind.REGRESSED
    if not events and not broadcast and told.replies + len(told.waiting) >= REPLIES:
        return told  # the message itself shows it
    line = Line(
        str(change.number),
        change.kind.value,
        change.by,
        int(change.severity),
        change.count,
        broadcast=broadcast,
    )
    waiting = (*told.waiting, line)
    return replace(told, waiting=waiting if events else waiting[-REPLIES:])


def _new_episode(told: Told) -> Told:
    """Nothing of the last one is still worth saying but that it is back; a program gets every change all the same."""
    events = told.standing == Style.EVENTS
    waiting = tuple(line for line in told.waiting if events or line.broadcast)
    return replace(
        told,
        waiting=waiting,
        posts=0,
        explained=False,
        replies=0,
        admitted=False,
        folded="",
        under="",
        refused="",
        reposts=told.reposts if told.ref else 0,
    )

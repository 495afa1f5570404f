"""The decision of what to send to each place, from the current incident and the delivery state. Pure.

    change -> record_change -> state -> decide -> effects -> (sinks) -> state_update -> state

A message shows the state of the incident at the time of sending. Duplicate, late and reordered changes are therefore
harmless. Content that a place already shows is not sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from cali.core.life import Change, ChangeKind, StoredIncident
from cali.stages.notify.content import IncidentRef, Message, Standing, standing
from cali.stages.notify.rules import Destination
from cali.stages.notify.sink import Style
from cali.stages.notify.state import FOLLOWERS, AlertState, SentState, ThreadLine, with_change

EDIT_EVERY = 60.0  # minimum seconds between two edits of one message
REPLIES = 5  # maximum replies per thread and episode
REPLIES_FOR_STATUS = 2  # replies of these that are reserved for status changes
AGAIN = 86_400.0  # seconds of silence after which a recurrence starts an episode
REPOSTS = 1
LONGEST_WAIT = 2 * 3_600.0  # maximum seconds until a failed place is retried
_REPLY_KINDS = (ChangeKind.ESCALATED, ChangeKind.RECURRED, ChangeKind.REGRESSED, ChangeKind.RESOLVED)


@dataclass(frozen=True, slots=True)
class Post:
    """A new message. `opens` is true for the first one of an episode. `line` is the change, for an events place."""

    target: str
    kind: str
    why: str
    opens: bool = False
    line: ThreadLine | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit of the message to show the current state."""

    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply in the message's thread."""

    target: str
    line: ThreadLine
    why: str


@dataclass(frozen=True, slots=True)
class Follow:
    """A reply in the root's thread that names the incident."""

    target: str
    root: str
    why: str


@dataclass(frozen=True, slots=True)
class Digest:
    """An entry in a digest instead of a separate message."""

    target: str
    which: str
    why: str


@dataclass(frozen=True, slots=True)
class Skip:
    """No message. `until` is the time of the next check."""

    target: str
    why: str
    until: float | None = None


Effect = Post | Edit | Reply | Follow | Digest | Skip


class RoutedDestination(NamedTuple):
    """A destination and its message style."""

    destination: Destination
    style: Style


@dataclass(frozen=True, slots=True)
class Target:
    """A place, and the current message for it."""

    destination: Destination
    style: Style
    message: Message
    root: str = ""  # the active root incident, if the place has its message
    root_over: bool = False  # the root is over, and this incident was not seen since


@dataclass(frozen=True, slots=True)
class AlertContext:
    """An incident and its places. `hold` is the reason to delay notifications until `hold_until`."""

    stored: StoredIncident
    targets: Mapping[str, Target]
    hold: str = ""
    hold_until: float = 0.0


def enroll(state: AlertState, places: Mapping[str, RoutedDestination]) -> AlertState:
    """Add the places that receive every change to the state. Call this before `record_change`."""
    new = {key for key, place in places.items() if place.style is Style.EVENTS and not state.of(key).standing}
    return replace(
        state, sent={**state.sent, **{key: SentState(standing=Style.EVENTS.value) for key in sorted(new)}}
    )


def record_change(state: AlertState, change: Change) -> AlertState:
    """Record a change and queue its replies. A repeated change has no effect."""
    if state.has(change.number):
        return state
    late = change.number < state.latest
    state = with_change(state, change.number)
    if late:
        events = {
            key: _queued(sent, change) for key, sent in state.sent.items() if sent.standing == Style.EVENTS
        }
        return replace(state, sent={**state.sent, **events})
    returned = change.kind is ChangeKind.RECURRED and state.quiet_at and change.at - state.quiet_at >= AGAIN
    sent = {key: _queued(one, change, broadcast=bool(returned)) for key, one in state.sent.items()}
    if change.kind is ChangeKind.REGRESSED or returned:
        sent = {key: _new_episode(one) for key, one in sent.items()}
        state = replace(state, episode=state.episode + 1)
    quiet_at = change.at if change.kind is ChangeKind.QUIET else state.quiet_at
    by = change.by if change.kind in (ChangeKind.RESOLVED, ChangeKind.MUTED) else state.by
    return replace(state, kind=change.kind.value, sent=sent, quiet_at=quiet_at, by=by)


def with_follower(state: AlertState, target: str, follower: IncidentRef) -> AlertState:
    """Return the state of a root with one more follower."""
    sent = state.of(target)
    key = f"follower:{follower.id}"
    if follower.id not in {one.id for one in state.followers}:
        state = replace(state, followers=(*state.followers, follower)[:FOLLOWERS])
    elif sent.ref:
        return state
    room = REPLIES - REPLIES_FOR_STATUS - sent.replies - len(sent.waiting)
    if room <= 0 or any(line.key == key for line in sent.waiting):
        return state
    line = ThreadLine(key, "followed", title=f"{follower.title} ({follower.scope})")
    return state.with_sent(target, replace(sent, waiting=(*sent.waiting, line)))


def decide(change: Change | None, state: AlertState, context: AlertContext, now: float) -> tuple[Effect, ...]:
    """Return the effects to apply now. `state` must already include `change`."""
    return tuple(
        effect
        for key, target in context.targets.items()
        for effect in _STYLES[target.style](key, target, state.of(key), context, change, now)
    )


def _living(
    key: str, target: Target, sent: SentState, context: AlertContext, change: Change | None, now: float
) -> tuple[Effect, ...]:
    waits = _waits(key, sent, now)
    if waits:
        return (waits,)
    if not sent.ref:
        return (_first(key, target, sent, context, change, now),)
    effects = [
        _change(key, target, sent, now)
    ]  # the edit comes first, so that a rejected reply cannot block it
    for place, line in enumerate(sent.waiting):
        if sent.replies + place < REPLIES:
            effects.append(Reply(key, line, f"{line.kind}: reply in the thread"))
    return tuple(effects)


def _change(key: str, target: Target, sent: SentState, now: float) -> Effect:
    if target.message.stamp == sent.shown:
        return Skip(key, "the message is up to date")
    if sent.edited_at and abs(now - sent.edited_at) < EDIT_EVERY:
        return Skip(key, "edited less than a minute ago", sent.edited_at + EDIT_EVERY)
    return Edit(key, "the content changed")


def _letters(
    key: str, target: Target, sent: SentState, context: AlertContext, change: Change | None, now: float
) -> tuple[Effect, ...]:
    waits = _waits(key, sent, now)
    if waits:
        return (waits,)
    if not sent.posts:
        return (_first(key, target, sent, context, change, now),)
    if sent.posts >= 2:
        return (Skip(key, "two messages were already sent"),)
    if sent.explained or not target.message.cause:
        return (Skip(key, "no new cause, so no second message"),)
    if standing(context.stored) is not Standing.OPEN:
        return (Skip(key, "resolved, quiet or muted before it was explained"),)
    return (Post(key, ChangeKind.DIAGNOSED.value, "a cause was found"),)


def _signal(
    key: str, target: Target, sent: SentState, context: AlertContext, change: Change | None, now: float
) -> tuple[Effect, ...]:
    waits = _waits(key, sent, now)
    if waits:
        return (waits,)
    wanted = standing(context.stored)
    if not sent.standing:
        return (_first(key, target, sent, context, change, now),)
    if sent.standing == wanted.value:
        return (Skip(key, f"already {wanted.value} there"),)
    if wanted is Standing.OPEN and context.hold:
        return (Skip(key, context.hold, context.hold_until),)
    return (Post(key, context.stored.incident.status.value, f"changed to {wanted.value}", opens=False),)


def _events(
    key: str, _target: Target, sent: SentState, _scene: AlertContext, _change: Change | None, now: float
) -> tuple[Effect, ...]:
    waits = _waits(key, sent, now)
    if waits:
        return (waits,)
    if not sent.waiting:
        return (Skip(key, "nothing new"),)
    return tuple(Post(key, line.kind, "every change is sent once", line=line) for line in sent.waiting)


_STYLES = {
    Style.LIVING: _living,
    Style.LETTERS: _letters,
    Style.SIGNAL: _signal,
    Style.EVENTS: _events,
}


def _waits(key: str, sent: SentState, now: float) -> Skip | None:
    if 0 < sent.again_at - now <= LONGEST_WAIT:  # a later time comes from a wrong clock
        return Skip(key, f"waiting to retry after {sent.failures} failures", sent.again_at)
    if sent.reposts > REPOSTS:
        return Skip(key, "a person deleted the message twice")
    if sent.refused:
        return Skip(key, f"refused: {sent.refused}")
    return None


def _first(
    key: str, target: Target, sent: SentState, context: AlertContext, change: Change | None, now: float
) -> Effect:
    """Return the first effect for an incident in a place, or a Skip with the reason."""
    if standing(context.stored) is not Standing.OPEN:
        if sent.folded == "held" and context.hold:
            return Skip(key, context.hold, context.hold_until)
        if sent.folded == "held":
            return Digest(key, "hours", "ended during the quiet hours")
        return Skip(
            key, "muted" if standing(context.stored) is Standing.MUTED else "ended before a message was sent"
        )
    if context.hold:
        return Skip(key, context.hold, context.hold_until)
    if target.root or target.root_over:
        if sent.under or target.root_over:
            return Skip(key, "listed under the root incident", now + 5 * EDIT_EVERY)
        return Follow(key, target.root, "listed in the thread of the root incident")
    worse = change is not None and change.kind in (ChangeKind.ESCALATED, ChangeKind.REGRESSED)
    if sent.folded == "storm" and not worse:
        return Skip(key, "listed in the digest")
    status = context.stored.incident.status.value
    return Post(
        key,
        status,
        "reposted after a person deleted it" if sent.reposts else "first message",
        opens=not sent.reposts,
    )


def _queued(sent: SentState, change: Change, *, broadcast: bool = False) -> SentState:
    events = sent.standing == Style.EVENTS
    if not events and (change.kind not in _REPLY_KINDS or not sent.ref):
        return sent
    broadcast = broadcast or change.kind is ChangeKind.REGRESSED
    if not events and not broadcast and sent.replies + len(sent.waiting) >= REPLIES:
        return sent  # the edited message shows the change
    line = ThreadLine(
        str(change.number),
        change.kind.value,
        change.by,
        int(change.severity),
        change.count,
        broadcast=broadcast,
    )
    waiting = (*sent.waiting, line)
    return replace(sent, waiting=waiting if events else waiting[-REPLIES:])


def _new_episode(sent: SentState) -> SentState:
    """Start an episode. Of the queued replies only the recurrence remains. An events place still receives every change."""
    events = sent.standing == Style.EVENTS
    waiting = tuple(line for line in sent.waiting if events or line.broadcast)
    return replace(
        sent,
        waiting=waiting,
        posts=0,
        explained=False,
        replies=0,
        admitted=False,
        folded="",
        under="",
        refused="",
        reposts=sent.reposts if sent.ref else 0,
    )

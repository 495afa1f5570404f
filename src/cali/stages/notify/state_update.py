"""What an action leaves behind in the state, whether it was done, failed, or met a message that a person had deleted."""

from __future__ import annotations

from dataclasses import replace

from cali.core.errors import Poison, Retryable
from cali.stages.notify.content import Standing, standing
from cali.stages.notify.decide import (
    EDIT_EVERY,
    LONGEST_WAIT,
    Action,
    Digest,
    Edit,
    Follow,
    Post,
    Reply,
    Scene,
    Skip,
    Target,
)
from cali.stages.notify.sink import Style
from cali.stages.notify.state import AlertState, Told

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
REFRESH_LONGEST = 1_800.0


def trying(state: AlertState, action: Action, key: str, now: float) -> AlertState:
    """The state while something is being sent of which nobody will know the end if we stop now."""
    if not isinstance(action, Post | Reply):
        return state
    told = state.of(action.target)
    if told.trying == key:  # tried before: since then it may have arrived
        return state
    return state.with_told(action.target, replace(told, trying=key, tried_at=now))


def done(state: AlertState, action: Action, target: Target, ref: str, now: float) -> AlertState:
    """The state after an action was done. `ref` names a new message."""
    told = replace(state.of(action.target), failures=0, again_at=0.0)
    match action:
        case Post():
            told = _posted(told, action, target, ref, now)
        case Edit():
            told = replace(told, edited_at=now, shown=target.message.stamp)
        case Reply():
            waiting = tuple(line for line in told.waiting if line.key != action.line.key)
            told = replace(told, waiting=waiting, replies=told.replies + 1, trying="", tried_at=0.0)
        case Follow():
            told = replace(told, under=action.root)
        case Digest():
            told = replace(told, folded=action.which, trying="", tried_at=0.0)
        case Skip():
            return state
    return state.with_told(action.target, told)


def held_back(state: AlertState, scene: Scene) -> AlertState:
    """The state after nobody was told because of quiet hours: what is over by their end goes into a digest."""
    if scene.held != "quiet hours" or standing(scene.stored) is not Standing.OPEN:
        return state
    for key, target in scene.targets.items():
        told = state.of(key)
        if (
            target.style in (Style.LIVING, Style.LETTERS)
            and not told.ref
            and not told.posts
            and not told.folded
        ):
            state = state.with_told(key, replace(told, folded="held"))
    return state


def failed(state: AlertState, action: Action, target: Target, error: Exception, now: float) -> AlertState:
    """The state after a place did not do it: when to try again, or that it never will take this."""
    told = state.of(action.target)
    if isinstance(error, Poison):
        if isinstance(action, Edit):  # the old content stays
            told = replace(told, shown=target.message.stamp, edited_at=now)
        elif isinstance(action, Reply) or (isinstance(action, Post) and action.line is not None):
            told = replace(told, waiting=tuple(line for line in told.waiting if line != action.line))
        else:
            told = replace(told, refused=str(error)[:200])
        return state.with_told(action.target, replace(told, trying="", tried_at=0.0))
    pause = min(FIRST_PAUSE * 2**told.failures, LONGEST_PAUSE)
    if not isinstance(error, Retryable):
        pause = LONGEST_PAUSE / 2  # a person has to act
    elif error.after is not None:
        pause = min(max(error.after, 1.0), LONGEST_WAIT)
    told = replace(told, failures=min(told.failures + 1, 10), again_at=now + pause)
    if isinstance(action, Edit) and getattr(error, "after", None) is None:
        told = replace(told, edited_at=now)  # it may have been done, and only its answer was lost
    return state.with_told(action.target, told)


def gone(state: AlertState, action: Action) -> AlertState:
    """The state after a message was found to be deleted: it has none there now."""
    told = state.of(action.target)
    told = replace(told, ref="", shown="", edited_at=0.0, reposts=told.reposts + 1, trying="", tried_at=0.0)
    return state.with_told(action.target, told)


def next_look(state: AlertState, scene: Scene, actions: tuple[Action, ...], now: float) -> float | None:
    """When somebody must look at the incident again, even if nothing is heard of it."""
    times = [action.until for action in actions if isinstance(action, Skip) and action.until]
    for key, target in scene.targets.items():
        told = state.of(key)
        if told.again_at > now:
            times.append(told.again_at)
        elif told.waiting and (told.ref or target.style is Style.EVENTS):
            times.append(now + FIRST_PAUSE)
        is_open = standing(scene.stored) is Standing.OPEN
        if is_open and target.style is Style.LIVING and told.ref:
            age = now - told.posted_at
            times.append(now + min(max(EDIT_EVERY, age / 10), REFRESH_LONGEST))
        elif is_open and told.under and not told.ref:
            times.append(now + 5 * EDIT_EVERY)
    return min(times, default=None)


def _posted(told: Told, action: Post, target: Target, ref: str, now: float) -> Told:
    if action.line is not None:
        return replace(
            told, waiting=tuple(line for line in told.waiting if line != action.line), trying="", tried_at=0.0
        )
    return replace(
        told,
        ref=ref or told.ref,
        posts=told.posts + (0 if told.reposts and target.style is Style.LIVING and told.posts else 1),
        explained=told.explained or bool(target.message.cause),
        posted_at=now,
        edited_at=0.0,
        shown=target.message.stamp,
        standing=target.message.standing.value,
        trying="",
        tried_at=0.0,
        folded="",
        under="",
    )

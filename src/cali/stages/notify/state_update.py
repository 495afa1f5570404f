"""State updates around an effect: before sending, after success, after a failure, after a deletion. Pure."""

from __future__ import annotations

from dataclasses import replace

from cali.core.errors import Poison, Retryable
from cali.stages.notify.content import Standing, standing
from cali.stages.notify.decide import (
    EDIT_EVERY,
    LONGEST_WAIT,
    AlertContext,
    Digest,
    Edit,
    Effect,
    Follow,
    Post,
    Reply,
    Skip,
    Target,
)
from cali.stages.notify.sink import Style
from cali.stages.notify.state import AlertState, SentState

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
REFRESH_LONGEST = 1_800.0


def before_sending(state: AlertState, effect: Effect, key: str, now: float) -> AlertState:
    """Mark a message as possibly sent, in case this process stops before it gets the result."""
    if not isinstance(effect, Post | Reply):
        return state
    sent = state.of(effect.target)
    if sent.trying == key:  # tried before; it may have arrived since
        return state
    return state.with_sent(effect.target, replace(sent, trying=key, tried_at=now))


def after_success(state: AlertState, effect: Effect, target: Target, ref: str, now: float) -> AlertState:
    """Return the state after an effect succeeded. `ref` is the id of a new message."""
    sent = replace(state.of(effect.target), failures=0, again_at=0.0)
    match effect:
        case Post():
            sent = _posted(sent, effect, target, ref, now)
        case Edit():
            sent = replace(sent, edited_at=now, shown=target.message.stamp)
        case Reply():
            waiting = tuple(line for line in sent.waiting if line.key != effect.line.key)
            sent = replace(sent, waiting=waiting, replies=sent.replies + 1, trying="", tried_at=0.0)
        case Follow():
            # The root's thread lists it, so a message that failed before is not sent any more.
            sent = replace(sent, under=effect.root, trying="", tried_at=0.0)
        case Digest():
            sent = replace(sent, folded=effect.which, trying="", tried_at=0.0)
        case Skip():
            return state
    return state.with_sent(effect.target, sent)


def during_quiet_hours(state: AlertState, context: AlertContext) -> AlertState:
    """Return the state during quiet hours. An incident that ends within them goes into a digest."""
    if context.hold != "quiet hours" or standing(context.stored) is not Standing.OPEN:
        return state
    for key, target in context.targets.items():
        sent = state.of(key)
        if (
            target.style in (Style.LIVING, Style.LETTERS)
            and not sent.ref
            and not sent.posts
            and not sent.folded
        ):
            state = state.with_sent(key, replace(sent, folded="held"))
    return state


def after_failure(
    state: AlertState, effect: Effect, target: Target, error: Exception, now: float
) -> AlertState:
    """Return the state after a failure: the time of the next retry, or the reason of a permanent rejection."""
    sent = state.of(effect.target)
    if isinstance(error, Poison):
        if isinstance(effect, Edit):  # the place keeps the old content
            sent = replace(sent, shown=target.message.stamp, edited_at=now)
        elif isinstance(effect, Reply) or (isinstance(effect, Post) and effect.line is not None):
            sent = replace(sent, waiting=tuple(line for line in sent.waiting if line != effect.line))
        else:
            sent = replace(sent, refused=str(error)[:200])
        return state.with_sent(effect.target, replace(sent, trying="", tried_at=0.0))
    pause = min(FIRST_PAUSE * 2**sent.failures, LONGEST_PAUSE)
    if not isinstance(error, Retryable):
        pause = LONGEST_PAUSE / 2  # a person must act
    elif error.after is not None:
        pause = min(max(error.after, 1.0), LONGEST_WAIT)
    sent = replace(sent, failures=min(sent.failures + 1, 10), again_at=now + pause)
    if isinstance(effect, Edit) and getattr(error, "after", None) is None:
        sent = replace(sent, edited_at=now)  # it may have arrived although the response was lost
    return state.with_sent(effect.target, sent)


def after_deletion(state: AlertState, effect: Effect) -> AlertState:
    """Return the state after a person deleted the message."""
    sent = state.of(effect.target)
    sent = replace(sent, ref="", shown="", edited_at=0.0, reposts=sent.reposts + 1, trying="", tried_at=0.0)
    return state.with_sent(effect.target, sent)


def next_due(
    state: AlertState, context: AlertContext, effects: tuple[Effect, ...], now: float
) -> float | None:
    """Return the time of the next check, even if the incident does not change."""
    times = [effect.until for effect in effects if isinstance(effect, Skip) and effect.until]
    for key, target in context.targets.items():
        sent = state.of(key)
        if sent.again_at > now:
            times.append(sent.again_at)
        elif sent.waiting and (sent.ref or target.style is Style.EVENTS):
            times.append(now + FIRST_PAUSE)
        is_open = standing(context.stored) is Standing.OPEN
        if is_open and target.style is Style.LIVING and sent.ref:
            age = now - sent.posted_at
            times.append(now + min(max(EDIT_EVERY, age / 10), REFRESH_LONGEST))
        elif is_open and sent.under and not sent.ref:
            times.append(now + 5 * EDIT_EVERY)
    return min(times, default=None)


def _posted(sent: SentState, effect: Post, target: Target, ref: str, now: float) -> SentState:
    if effect.line is not None:
        return replace(
            sent, waiting=tuple(line for line in sent.waiting if line != effect.line), trying="", tried_at=0.0
        )
    return replace(
        sent,
        ref=ref or sent.ref,
        posts=sent.posts + (0 if sent.reposts and target.style is Style.LIVING and sent.posts else 1),
        explained=sent.explained or bool(target.message.cause),
        posted_at=now,
        edited_at=0.0,
        shown=target.message.stamp,
        standing=target.message.standing.value,
        trying="",
        tried_at=0.0,
        folded="",
        under="",
    )

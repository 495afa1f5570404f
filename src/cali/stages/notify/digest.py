"""Digests: one message for many incidents. Pure.

Each place has a rate limit of `storm.incidents` per `storm.seconds`. Incidents above the limit are listed in the digest
instead of a separate message, until the rate falls.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from cali.core.errors import Poison
from cali.stages.notify.content import IncidentRef, Message, digest
from cali.stages.notify.rules import Destination, Storm
from cali.stages.notify.sink import Style
from cali.stages.notify.words import Words

NAMED = 50  # members stored in full; only the ids of the others are stored
COUNTED = 5_000
OVER = 300.0  # seconds without a new member after which a digest is complete
WAIT = 60.0  # seconds of silence before a digest is sent to a place without edits; at most OVER
EDIT_EVERY = 60.0


class Admission(NamedTuple):
    """A request for a separate message, and the decision."""

    at: float
    id: str
    admitted: bool = True


@dataclass(frozen=True, slots=True)
class DigestState:
    """The state of one place's digest. `which` is storm or hours."""

    which: str
    sink: str
    channel: str = ""
    mention: str = ""
    number: int = 0  # sequence number of the digest in this place
    recent: tuple[Admission, ...] = ()
    members: tuple[IncidentRef, ...] = ()
    others: tuple[str, ...] = ()
    began: float = 0.0
    last: float = 0.0
    ref: str = ""
    shown: str = ""
    sent_at: float = 0.0
    edited_at: float = 0.0
    failures: int = 0
    again_at: float = 0.0
    trying: str = ""
    tried_at: float = 0.0

    @property
    def total(self) -> int:
        return len(self.members) + len(self.others)

    @property
    def key(self) -> str:
        return f"digest/{self.which}/{self.sink}/{self.channel}"

    @property
    def send(self) -> Destination:
        return Destination(self.sink, self.channel, self.mention)


def empty_digest(which: str, send: Destination) -> DigestState:
    """Return an empty digest for a place."""
    return DigestState(which, send.sink, send.channel, send.mention)


def admit(state: DigestState, member: IncidentRef, now: float, storm: Storm) -> tuple[DigestState, bool]:
    """Return True if an incident is admitted to a separate message, else False for the digest. The call is idempotent."""
    if any(one.id == member.id for one in state.members) or member.id in state.others:
        return state, False
    recent = tuple(one for one in state.recent if abs(now - one.at) < storm.seconds)
    if any(one.id == member.id for one in recent):
        return state, True
    if len(recent) < storm.incidents:
        return replace(state, recent=(*recent, Admission(now, member.id))), True
    own = tuple(one for one in recent if one.admitted)
    others = tuple(one for one in recent if not one.admitted)[-storm.incidents :]  # enough for the rate
    recent = (*own, *others, Admission(now, member.id, admitted=False))
    return fold(replace(state, recent=recent), member, now), False


def fold(state: DigestState, member: IncidentRef, now: float) -> DigestState:
    """Return the digest with one more member. If the digest is complete, start the next one."""
    if any(one.id == member.id for one in state.members) or member.id in state.others:
        return state
    if state.total and state.sent_at and (not state.ref or now - state.last > OVER):
        state = replace(
            state,
            number=state.number + 1,
            members=(),
            others=(),
            began=0.0,
            ref="",
            shown="",
            sent_at=0.0,
            edited_at=0.0,
        )
    if len(state.members) < NAMED:
        state = replace(state, members=(*state.members, member))
    elif len(state.others) < COUNTED:
        state = replace(state, others=(*state.others, member.id))
    return replace(state, began=state.began or now, last=now)


def due(state: DigestState, style: Style, say: Words, storm: Storm) -> float | None:
    """Return the time of the next send or edit, or None if the digest is up to date."""
    if not state.total:
        return None
    if not state.sent_at:
        soon = min(state.last + WAIT, state.began + OVER)
        if style is Style.LIVING and state.which == "storm":
            soon = state.began
        return max(soon, state.again_at)
    if style is not Style.LIVING or message(state, say, storm).stamp == state.shown:
        return None
    return max(state.again_at, state.edited_at + EDIT_EVERY if state.edited_at else state.sent_at)


def message(state: DigestState, say: Words, storm: Storm) -> Message:
    """Return the digest's message."""
    count = f"{state.total:,}"
    if state.which == "hours":
        title, why = say("digest_hours", count=count), say("digest_hours_why")
    else:
        title = say("digest_storm", count=count)
        why = say("digest_storm_why", limit=storm.incidents, seconds=f"{storm.seconds:g}")
    made = digest(
        f"{state.key}/{state.number}",
        title,
        why,
        state.members,
        state.total,
        say,
        open_=state.which == "storm",
    )
    return replace(made, mention=state.mention)


def dumps(state: DigestState) -> str:
    """Return JSON on one line."""
    return json.dumps(asdict(state), ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> DigestState:
    """Parse the output of `dumps`. Raise Poison for any other text."""
    try:
        return _adapter().validate_json(text)
    except (ValueError, ValidationError) as error:
        raise Poison(f"not a digest: {' '.join(str(error).split())[:200]}") from error


@cache
def _adapter() -> TypeAdapter[DigestState]:
    return TypeAdapter(DigestState)

"""The delivery state of one incident's alerts, for each place, stored as small JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from cali.core.errors import Poison
from cali.stages.notify.content import IncidentRef

POINTS, POINT_EVERY, TREND = 11, 60.0, 600.0
FOLLOWERS = 100  # maximum followers stored by name


@dataclass(frozen=True, slots=True)
class ThreadLine:
    """A queued reply. `key` is unique within its incident, so that it is sent once."""

    key: str
    kind: str
    by: str = ""
    severity: int = 0
    count: int = 0
    title: str = ""
    broadcast: bool = False


@dataclass(frozen=True, slots=True)
class SentState:
    """The delivery state of an incident in one place."""

    ref: str = ""  # the id of the message in the place; empty if there is none
    posts: int = 0  # messages in this episode
    explained: bool = False  # at least one of them had the cause
    replies: int = 0  # replies in this episode
    reposts: int = 0  # reposts after a person deleted the message
    posted_at: float = 0.0
    edited_at: float = 0.0
    shown: str = ""  # the stamp of the shown content
    standing: str = ""  # the last signal
    waiting: tuple[ThreadLine, ...] = ()  # queued replies or changes
    trying: str = ""  # the key of a message whose delivery is unknown
    tried_at: float = 0.0
    admitted: bool = False  # admitted to a separate message during a storm
    folded: str = ""  # the digest that lists it
    under: str = ""  # the root incident whose thread lists it
    failures: int = 0
    again_at: float = 0.0  # time of the next retry
    refused: str = ""  # the reason of a permanent rejection


@dataclass(frozen=True, slots=True)
class AlertState:
    """The delivery state of an incident in all places.

    `episode` increases when the incident recurs after it was resolved or after a long silence.
    """

    floor: int = 0  # all changes up to this number are recorded
    above: tuple[int, ...] = ()  # recorded numbers above `floor`
    episode: int = 1
    kind: str = ""  # kind of the latest change
    by: str = ""  # the person who resolved or muted it
    quiet_at: float = 0.0
    sent: Mapping[str, SentState] = field(default_factory=dict)
    followers: tuple[IncidentRef, ...] = ()
    points: tuple[tuple[float, int], ...] = ()
    busy: float = 0.0  # the lease of the process that is sending

    @property
    def latest(self) -> int:
        """Return the highest recorded number."""
        return max(self.above, default=self.floor)

    def has(self, number: int) -> bool:
        return number <= self.floor or number in self.above

    def of(self, target: str) -> SentState:
        return self.sent.get(target) or SentState()

    def with_sent(self, target: str, sent: SentState) -> AlertState:
        return replace(self, sent={**self.sent, target: sent})


def with_change(state: AlertState, number: int) -> AlertState:
    """Record the number of a change."""
    if state.has(number):
        return state
    above, floor = {*state.above, number}, state.floor
    while floor + 1 in above:
        floor += 1
        above.discard(floor)
    return replace(state, floor=floor, above=tuple(sorted(above))[-32:])


def with_count(state: AlertState, now: float, count: int) -> AlertState:
    """Record the current count, for the trend of the last minutes."""
    points = tuple(point for point in state.points if now - point[0] <= TREND)
    if points and now - points[-1][0] < POINT_EVERY:
        return replace(state, points=points)
    return replace(state, points=(*points, (now, count))[-POINTS:])


def dumps(state: AlertState) -> str:
    """Return JSON on one line, without fields that hold their default."""
    plain: dict[str, Any] = asdict(state)
    defaults, empty = asdict(AlertState()), asdict(SentState())
    lean = {key: value for key, value in plain.items() if value != defaults[key]}
    sent = lean.pop("sent", {})
    if sent:
        lean["told"] = {key: {k: v for k, v in one.items() if v != empty[k]} for key, one in sent.items()}
    return json.dumps(lean, ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> AlertState:
    """Parse the output of `dumps`. Fields of a newer release are ignored. Raise Poison for any other text."""
    try:
        plain = json.loads(text)
        return _adapter().validate_python({**plain, "sent": plain.get("told", {})})
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise Poison(f"not an alert state: {' '.join(str(error).split())[:200]}") from error


@cache
def _adapter() -> TypeAdapter[AlertState]:
    return TypeAdapter(AlertState)

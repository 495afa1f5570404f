"""State of one incident's alerts: what each place was sent. StoredIncident as small JSON."""

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
FOLLOWERS = 100  # that are remembered by name


@dataclass(frozen=True, slots=True)
class ThreadLine:
    """A reply that waits to be sent. `key` is unique within its incident, so that it is sent once."""

    key: str
    kind: str
    by: str = ""
    severity: int = 0
    count: int = 0
    title: str = ""
    broadcast: bool = False


@dataclass(frozen=True, slots=True)
class SentState:
    """What one place was sent of an incident."""

    ref: str = ""  # the message's name there; empty if there is none
    posts: int = 0  # messages of this episode
    explained: bool = False  # one of them had the cause
    replies: int = 0  # of this episode
    reposts: int = 0  # times it was posted again after somebody deleted it
    posted_at: float = 0.0
    edited_at: float = 0.0
    shown: str = ""  # the stamp of the content that it shows
    standing: str = ""  # the last signal
    waiting: tuple[ThreadLine, ...] = ()  # replies, or changes, that are still to be sent
    trying: str = ""  # the key of a message that may or may not have arrived
    tried_at: float = 0.0
    admitted: bool = False  # it may have a message of its own in spite of a storm
    folded: str = ""  # the digest that names it instead of a message
    under: str = ""  # the root incident whose thread names it
    failures: int = 0
    again_at: float = 0.0  # the next try after a failure
    refused: str = ""  # the reason why the place never accepts the content


@dataclass(frozen=True, slots=True)
class AlertState:
    """All that was sent of an incident. `episode` grows when it comes back after it was resolved or silent for long."""

    floor: int = 0  # all changes up to this number were recorded
    above: tuple[int, ...] = ()  # and these numbers
    episode: int = 1
    kind: str = ""  # of the latest change
    by: str = ""  # who resolved or muted it
    quiet_at: float = 0.0
    sent: Mapping[str, SentState] = field(default_factory=dict)
    followers: tuple[IncidentRef, ...] = ()
    points: tuple[tuple[float, int], ...] = ()
    busy: float = 0.0  # the lease of the process that is sending

    @property
    def latest(self) -> int:
        """Return the highest number that was recorded."""
        return max(self.above, default=self.floor)

    def has(self, number: int) -> bool:
        return number <= self.floor or number in self.above

    def of(self, target: str) -> SentState:
        return self.sent.get(target) or SentState()

    def with_sent(self, target: str, sent: SentState) -> AlertState:
        return replace(self, sent={**self.sent, target: sent})


def with_change(state: AlertState, number: int) -> AlertState:
    """Return the state with a change's number recorded."""
    if state.has(number):
        return state
    above, floor = {*state.above, number}, state.floor
    while floor + 1 in above:
        floor += 1
        above.discard(floor)
    return replace(state, floor=floor, above=tuple(sorted(above))[-32:])


def with_count(state: AlertState, now: float, count: int) -> AlertState:
    """Return the state with the present count, for the trend of the last minutes."""
    points = tuple(point for point in state.points if now - point[0] <= TREND)
    if points and now - points[-1][0] < POINT_EVERY:
        return replace(state, points=points)
    return replace(state, points=(*points, (now, count))[-POINTS:])


def dumps(state: AlertState) -> str:
    """Return JSON on one line, without the fields that hold their default."""
    plain: dict[str, Any] = asdict(state)
    defaults, empty = asdict(AlertState()), asdict(SentState())
    lean = {key: value for key, value in plain.items() if value != defaults[key]}
    sent = lean.pop("sent", {})
    if sent:
        lean["told"] = {key: {k: v for k, v in one.items() if v != empty[k]} for key, one in sent.items()}
    return json.dumps(lean, ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> AlertState:
    """Read what `dumps` wrote, without fields that a newer release added. Raise Poison if it is anything else."""
    try:
        plain = json.loads(text)
        return _adapter().validate_python({**plain, "sent": plain.get("told", {})})
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise Poison(f"not the state of an alert: {' '.join(str(error).split())[:200]}") from error


@cache
def _adapter() -> TypeAdapter[AlertState]:
    return TypeAdapter(AlertState)

"""What was told of one incident, and where: small, and plain JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache

from pydantic import TypeAdapter, ValidationError

from cali.core.errors import Poison
from cali.stages.notify.content import Named

POINTS, POINT_EVERY, TREND = 11, 60.0, 600.0
FOLLOWERS = 100  # that are remembered by name


@dataclass(frozen=True, slots=True)
class Line:
    """Something to say in a thread. `key` names it within its incident, so that it is said once."""

    key: str
    kind: str
    by: str = ""
    severity: int = 0
    count: int = 0
    title: str = ""
    broadcast: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What one place was told of an incident."""

    ref: str = ""  # the name of its message there; empty when there is none
    posts: int = 0  # messages of this episode
    explained: bool = False  # one of them had the cause
    replies: int = 0  # of this episode
    reposts: int = 0  # times it was posted anew because somebody had deleted it
    posted_at: float = 0.0
    edited_at: float = 0.0
    shown: str = ""  # the stamp of what it shows
    standing: str = ""  # the last signal
    waiting: tuple[Line, ...] = ()  # what is still to be said
    trying: str = ""  # the key of what was being sent; nobody knows yet whether it arrived
    tried_at: float = 0.0
    admitted: bool = False  # it may have a message of its own, storm or not
    folded: str = ""  # the digest that names it instead of a message
    under: str = ""  # the root incident in whose thread it is told
    failures: int = 0
    again_at: float = 0.0  # after failures: not before
    refused: str = ""  # what the place said to the content it will never take


@dataclass(frozen=True, slots=True)
class AlertState:
    """All that was told of an incident. `episode` grows when it comes back after it was resolved or long silent."""

    floor: int = 0  # all changes up to this one were heard
    above: tuple[int, ...] = ()  # and these
    episode: int = 1
    kind: str = ""  # of the latest change
    by: str = ""  # who resolved or muted it
    quiet_at: float = 0.0
    told: Mapping[str, Told] = field(default_factory=dict)
    followers: tuple[Named, ...] = ()
    points: tuple[tuple[float, int], ...] = ()
    busy: float = 0.0  # somebody is sending until then

    @property
    def latest(self) -> int:
        """The highest change that was heard."""
        return max(self.above, default=self.floor)

    def heard(self, number: int) -> bool:
        return number <= self.floor or number in self.above

    def of(self, target: str) -> Told:
        return self.told.get(target) or Told()

    def with_told(self, target: str, told: Told) -> AlertState:
        return replace(self, told={**self.told, target: told})


def marked(state: AlertState, number: int) -> AlertState:
    """The state after a change was heard."""
    if state.heard(number):
        return state
    above, floor = {*state.above, number}, state.floor
    while floor + 1 in above:
        floor += 1
        above.discard(floor)
    return replace(state, floor=floor, above=tuple(sorted(above))[-32:])


def pointed(state: AlertState, now: float, count: int) -> AlertState:
    """The state with what the count is now, for the trend of the last minutes."""
    points = tuple(point for point in state.points if now - point[0] <= TREND)
    if points and now - points[-1][0] < POINT_EVERY:
        return replace(state, points=points)
    return replace(state, points=(*points, (now, count))[-POINTS:])


def dumps(state: AlertState) -> str:
    """JSON on one line; what is as it always is at first is left out."""
    return json.dumps(_lean(asdict(state), asdict(AlertState())), ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> AlertState:
    """What `dumps` wrote. Poison if it is anything else; fields that a newer release added are left out."""
    try:
        return _adapter().validate_json(text)
    except (ValueError, ValidationError) as error:
        raise Poison(f"not the state of an alert: {' '.join(str(error).split())[:200]}") from error


def _lean(plain: dict[str, object], first: dict[str, object]) -> dict[str, object]:
    lean = {key: value for key, value in plain.items() if value != first[key]}
    told = lean.get("told")
    if isinstance(told, dict):
        empty = asdict(Told())
        lean["told"] = {key: {k: v for k, v in one.items() if v != empty[k]} for key, one in told.items()}
    return lean


@cache
def _adapter() -> TypeAdapter[AlertState]:
    return TypeAdapter(AlertState)

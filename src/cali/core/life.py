"""The life of an incident as it is stored, and its changes as they are published.

`cali.stages.detect.lifecycle` creates these types, `cali.stages.detect.incident_json` writes them as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from cali.core.models import Incident, Scope, Severity


class ChangeKind(StrEnum):
    """The kind of a change in the life of an incident."""

    OPENED = "opened"
    DIAGNOSED = "diagnosed"
    ESCALATED = "escalated"
    RECURRED = "recurred"
    QUIET = "quiet"
    REGRESSED = "regressed"
    RESOLVED = "resolved"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `number` counts the changes of an incident from 1, so a reader recognises a repeated change."""

    incident: str
    number: int
    kind: ChangeKind
    at: float
    severity: Severity
    count: int
    by: str = ""  # the person who made the change, if a person did
    until: float | None = None  # the end of a mute; None means for ever
    arrived: float | None = None  # when the newest line that caused the change reached its stream


class Span(NamedTuple):
    """Positions of one source that were read, both ends included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ReadPositions:
    """The positions that were read of one source: all up to `floor`, and the ascending, separate spans above it."""

    source: str
    spans: tuple[Span, ...]
    floor: int = -1
    at: float = 0.0  # time of the last read


@dataclass(frozen=True, slots=True)
class StoredIncident:
    """An incident and the state of its life. `version` belongs to the store; version 0 was never stored."""

    incident: Incident
    heard_at: float  # when the last change was applied, by the clock of that process
    reads: tuple[ReadPositions, ...] = ()
    changes: int = 0  # number of changes so far
    unsent: tuple[Change, ...] = ()  # changes that may not be published yet
    flaps: int = 0  # how often it recurred soon after it went quiet
    quiet_at: float | None = None
    resolved_at: float | None = None
    muted_until: float | None = None  # the end of a mute; None means for ever
    marks: tuple[int, ...] = ()  # hashes of the records that were counted last, to recognise copies of them
    version: int = 0


class Verdict(StrEnum):
    """A person's opinion of an incident and its diagnosis."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_AN_ERROR = "not_an_error"


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's verdict, stored for learning. `id` is derived from person, verdict and time, so a repeated verdict
    is stored once."""

    id: str
    incident: str
    verdict: Verdict
    by: str
    at: float
    fingerprint: str
    template: str
    scope: Scope
    cause: str = ""  # the cause that the person gave with a `wrong` verdict, redacted
    entry: str = ""  # the knowledge entry of the diagnosis

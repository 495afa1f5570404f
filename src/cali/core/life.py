"""The life of an incident as a store keeps it, and the changes in that life that others hear of.

`cali.stages.detect.lifecycle` makes these; a store keeps them; `cali.stages.detect.incident_json` writes them as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from cali.core.models import Incident, Scope, Severity


class ChangeKind(StrEnum):
    """What changed in the life of an incident."""

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
    """One change. `number` counts the changes of one incident from 1, so (incident, number) names it for ever:
    who hears a change twice can tell."""

    incident: str
    number: int
    kind: ChangeKind
    at: float
    severity: Severity
    count: int
    by: str = ""  # the person, for what a person did
    until: float | None = None  # the end of a mute; None is for ever
    arrived: float | None = (
        None  # when the newest line reached the stream of which the change came; None without one
    )


class Span(NamedTuple):
    """Positions of one source that were read already, both ends included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ReadPositions:
    """What was read of one source: all up to `floor`, and the spans above it, ascending, apart from each other."""

    source: str
    spans: tuple[Span, ...]
    floor: int = -1
    at: float = 0.0  # when it was read last


@dataclass(frozen=True, slots=True)
class StoredIncident:
    """An incident and all that is needed to go on with its life. `version` is the store's: 0 was never kept."""

    incident: Incident
    heard_at: float  # when news of it was applied last, by the clock of whoever applied it
    reads: tuple[ReadPositions, ...] = ()
    changes: int = 0  # made so far
    unsent: tuple[Change, ...] = ()  # made, and not yet known to be published
    flaps: int = 0  # times it came back soon after it went quiet
    quiet_at: float | None = None
    resolved_at: float | None = None
    muted_until: float | None = None  # with status `muted`; None is for ever
    version: int = 0


class Verdict(StrEnum):
    """What a person says of an incident and its diagnosis."""

    RIGHT = "right"
    WRONG = "wrong"
    NOT_AN_ERROR = "not_an_error"


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's verdict, kept for learning. `id` follows from who said what when, so the same one is kept once."""

    id: str
    incident: str
    verdict: Verdict
    by: str
    at: float
    fingerprint: str
    template: str
    scope: Scope
    cause: str = ""  # the person's own, redacted, with the verdict `wrong`
    entry: str = ""  # the knowledge entry that had been given as the cause

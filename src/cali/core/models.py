"""The types that stages exchange.

    Record --join--> Block --refine--> Event --detect--> Incident --retrieve, reason--> Diagnosis

Types with one instance for each line are named tuples, which cost a third of a frozen dataclass
(docs/adr/0002-speed-in-python.md). All others are frozen, slotted dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Severity(IntEnum):
    """Severity of a line. The numbers only give the order."""

    TRACE = 0
    DEBUG = 1
    INFO = 2
    NOTICE = 3
    WARNING = 4
    ERROR = 5
    CRITICAL = 6

    @property
    def label(self) -> str:
        return self.name.lower()


class Scope(NamedTuple):
    """Origin of an event: cluster, namespace, workload and container, never the pod."""

    cluster: str = ""
    namespace: str = ""
    workload: str = ""
    container: str = ""

    def __str__(self) -> str:
        return "/".join(part or "-" for part in self)


NOWHERE = Scope()


class Record(NamedTuple):
    """One line as collected, without its envelope. `severity` is the one in its structure, if any."""

    line: int  # 1-based number of the line in its source
    message: str  # as the application wrote it; not redacted
    time: float | None = None  # seconds since the epoch
    severity: Severity | None = None
    scope: Scope = NOWHERE
    stream: str = ""  # lines of one stream were written by one process, in order
    partial: bool = False  # the runtime cut this line; the next record of the stream continues it
    normalised: bytes = b""  # the message, digits and ids normalised (core/normalise.py), if decode knows it


class Quarantined(NamedTuple):
    """A line that decode could not read, with the reason. It is counted and stored."""

    line: int
    reason: str
    raw: bytes


class Block(NamedTuple):
    """The records of one log call, in order."""

    records: tuple[Record, ...]


class Template(NamedTuple):
    """The constant part of a message, parameters as `<*>`, and its fingerprint."""

    id: str
    text: str


class Event(NamedTuple):
    """A refined block. `message` is redacted; `lines` are the numbers of its lines."""

    lines: tuple[int, ...]
    message: str
    time: float | None
    severity: Severity
    scope: Scope
    template: Template
    levelled: bool = True  # the severity is from the structure, not from the words


class Status(StrEnum):
    """The life of an incident."""

    OPENED = "opened"
    DIAGNOSED = "diagnosed"
    QUIET = "quiet"
    RESOLVED = "resolved"
    REGRESSED = "regressed"
    MUTED = "muted"


class Origin(StrEnum):
    """The origin of a diagnosis."""

    KNOWLEDGE = "knowledge"
    MODEL = "model"
    NONE = "none"


class Evidence(NamedTuple):
    """A line that proves a cause: its 1-based number in the input, and its redacted text."""

    line: int
    text: str


class Hit(NamedTuple):
    """A knowledge entry that retrieval found. `score` is between 0 and 1."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Cause and fix of an incident. With origin `none` there is no cause, and the evidence is the event itself."""

    origin: Origin
    evidence: tuple[Evidence, ...]
    cause: str = ""
    fix: tuple[str, ...] = ()
    confidence: float = 0.0
    knowledge: tuple[Hit, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incident:
    """All events of one fingerprint in one scope. `id` is derived from these two alone."""

    id: str
    scope: Scope
    template: Template
    title: str
    severity: Severity
    count: int
    first_line: int
    last_line: int
    first_seen: float | None
    last_seen: float | None
    samples: tuple[Event, ...]  # a few of its events, the first among them
    status: Status = Status.OPENED
    burst: bool = False  # its rate was far above its own baseline
    follows: str | None = None  # the id of the incident that caused this one
    diagnosis: Diagnosis | None = None


class Moment(NamedTuple):
    """The first line of one event, and its time."""

    line: int
    time: float | None


class Role(StrEnum):
    """The role of a finding in a group."""

    ROOT = "root"
    SAME = "same"  # it reports the same failure
    SYMPTOM = "symptom"  # it follows from the failure


class Member(NamedTuple):
    """A finding in a group, and the reason why it belongs to it. The root has no reason."""

    finding: Incident
    role: Role
    reason: str = ""


@dataclass(frozen=True, slots=True)
class IncidentGroup:
    """One failure as people see it: the finding to fix first, and the findings that belong to it.

    `title` says what broke. `severity` is the worst one of the members.
    """

    id: str
    title: str
    severity: Severity
    count: int
    first_seen: float | None
    last_seen: float | None
    members: tuple[Member, ...]

    @property
    def root(self) -> Incident:
        return self.members[0].finding


@dataclass(frozen=True, slots=True)
class KnowledgeEntry:
    """A known error. One group of patterns in `match` must match the event before the cause is asserted.

    `products` are the programs that can write it; empty means any. A `broad` entry, such as a crash loop, loses to any
    specific one. An entry with `asserts` off only suggests: it has branches, and none of them matched.
    """

    id: str
    title: str
    area: str
    symptoms: tuple[str, ...]
    match: tuple[tuple[str, ...], ...]
    cause: str
    fix: tuple[str, ...]
    severity: Severity
    unless: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    broad: bool = False
    asserts: bool = True

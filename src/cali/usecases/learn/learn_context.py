"""What the jobs are made of: ports, the knowledge and the rules in force, and the policy of a team."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cali.core.models import Diagnosis, Incident, KnowledgeEntry
    from cali.core.ports import FeedbackStore, IncidentStore, Objects, Pointers
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner
    from cali.stages.retrieve.knowledge import Knowledge
    from cali.usecases.releases import Releases


class Approval(StrEnum):
    """Who lets a draft into the knowledge that passed the gate."""

    AUTO = "auto"  # the gate alone
    PULL_REQUEST = "pull-request"  # whoever merges it
    MANUAL = "manual"  # whoever says `cali release accept DAY`


class Collections(Protocol):
    """The collections that a knowledge index searches, and the alias that stands for the one in force."""

    def build(self, version: str, entries: Sequence[KnowledgeEntry]) -> str:
        """The name of the collection of a version; it is made unless it is there, whole."""

    def found(self, name: str, texts: Sequence[str], limit: int) -> list[list[str]]:
        """For each text the ids of the entries that the collection finds, best first."""

    def rows(self, name: str) -> int:
        """How many texts it holds."""

    def switch(self, name: str) -> str:
        """Lets the alias stand for a collection; returns the one that it stood for, empty if none."""

    def drop(self, name: str) -> None:
        """Forgets a collection; one that is not there is forgotten already."""


class PullRequests(Protocol):
    """A repository that takes changes for review."""

    def open(self, branch: str, title: str, body: str, files: Mapping[str, str]) -> str:
        """Opens a pull request with these files, once for a branch; returns its address."""


class Spent(Protocol):
    """What a model has cost."""

    def spent(self, day: str) -> tuple[int, float]:
        """Calls and dollars of a day."""


@dataclass(frozen=True, slots=True)
class LearnPolicy:
    """How much is read, how sure a model must be, and how long things are kept."""

    approval: Approval = Approval.MANUAL
    days: int = 7  # that the gate looks back over
    least: float = 0.3  # the confidence of a model's cause that may become an entry
    wrong: int = 2  # people who call a learnt entry wrong, more than call it right, until it is withdrawn
    lines: int = 200_000  # of raw/ that are read for a day
    templates: int = 20_000  # that are kept of a day
    keep_days: int = 90  # of what steps made
    keep_releases: int = 30  # of each kind
    keep_collections: int = 2  # beside the one in force
    folder: str = "knowledge"  # of the repository that takes pull requests


@dataclass(frozen=True)
class LearnContext:
    """Everything that a step may use. What is called is built with the first step that needs it."""

    objects: Objects
    pointers: Pointers
    releases: Releases
    shipped: Callable[[], Knowledge]
    refiner: Callable[[], Refiner]
    decoder: Callable[[], Decoder]
    unpack: Callable[
        [bytes], Iterable[bytes]
    ]  # an object of raw/ to its lines; of a damaged one those that it has
    now: Callable[[], float]
    feedback: Callable[[], FeedbackStore] | None = None
    incidents: Callable[[], IncidentStore] | None = None
    explain: Callable[[Knowledge], Callable[[Incident], Diagnosis]] | None = None  # None when no model is set
    spent: Callable[[], Spent] | None = None
    collections: Callable[[], Collections] | None = None
    pull_requests: Callable[[], PullRequests] | None = None
    post: Callable[[str], None] | None = None  # a line or two to the team's chat
    policy: LearnPolicy = field(default_factory=LearnPolicy)

    def knowledge(self) -> Knowledge:
        """The knowledge in force."""
        return self.releases.knowledge(self.releases.current().versions.knowledge, self.shipped())

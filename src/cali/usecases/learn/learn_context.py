"""The context of the jobs: ports, builders of stages, and the policy of the team."""

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
    """How a draft that passed the gate gets into the knowledge."""

    AUTO = "auto"  # without a person
    PULL_REQUEST = "pull-request"  # a person merges it
    MANUAL = "manual"  # a person runs `cali release accept DAY`


class Collections(Protocol):
    """The collections of a knowledge index, and the alias that names the one in force."""

    def build(self, version: str, entries: Sequence[KnowledgeEntry]) -> str:
        """Build the collection of a version unless it exists and is complete. Return its name."""

    def found(self, name: str, texts: Sequence[str], limit: int) -> list[list[str]]:
        """Return, for each text, the ids of the entries that the collection finds, best first."""

    def rows(self, name: str) -> int:
        """Return the number of texts in a collection."""

    def switch(self, name: str) -> str:
        """Point the alias to a collection. Return the previous one, or an empty text."""

    def drop(self, name: str) -> None:
        """Delete a collection, if it exists."""


class PullRequests(Protocol):
    """A repository that accepts pull requests."""

    def open(self, branch: str, title: str, body: str, files: Mapping[str, str]) -> str:
        """Open a pull request with these files, once for each branch. Return its address."""


class Spent(Protocol):
    """The cost of a model."""

    def spent(self, day: str) -> tuple[int, float]:
        """Return the calls and the dollars of a day."""


@dataclass(frozen=True, slots=True)
class LearnPolicy:
    """Limits of the jobs: how much they read, which causes they accept, and how long data is kept."""

    approval: Approval = Approval.MANUAL
    days: int = 7  # days that the gate looks back
    least: float = 0.3  # minimum confidence of a model's cause
    wrong: int = 2  # surplus of `wrong` over `right` verdicts that withdraws a learnt entry
    lines: int = 200_000  # lines of raw/ to read for a day
    templates: int = 20_000  # templates to keep of a day
    keep_days: int = 90  # days to keep the results of steps
    keep_releases: int = 30  # releases to keep of each kind
    keep_collections: int = 2  # collections to keep besides the one in force
    folder: str = "knowledge"  # folder for entries in the repository of the pull requests


@dataclass(frozen=True)
class LearnContext:
    """Everything that a step may use. A callable builds its part when a step first needs it."""

    objects: Objects
    pointers: Pointers
    releases: Releases
    shipped: Callable[[], Knowledge]
    refiner: Callable[[], Refiner]
    decoder: Callable[[], Decoder]
    # Return the lines of an object of raw/; of a damaged object, those that can be read.
    unpack: Callable[[bytes], Iterable[bytes]]
    now: Callable[[], float]
    feedback: Callable[[], FeedbackStore] | None = None
    incidents: Callable[[], IncidentStore] | None = None
    explain: Callable[[Knowledge], Callable[[Incident], Diagnosis]] | None = None  # None if no model is set
    spent: Callable[[], Spent] | None = None
    collections: Callable[[], Collections] | None = None
    pull_requests: Callable[[], PullRequests] | None = None
    post: Callable[[str], None] | None = None  # sends a short text to the team's chat
    policy: LearnPolicy = field(default_factory=LearnPolicy)

    def knowledge(self) -> Knowledge:
        """Return the knowledge in force."""
        return self.releases.knowledge(self.releases.current().versions.knowledge, self.shipped())

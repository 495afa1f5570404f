"""The inputs of a replay besides its lines: versions of knowledge, masks and book, and the terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from cali.stages.detect import DetectPolicy, LifePolicy
from cali.stages.group import MOMENTS
from cali.stages.reason import question, spend
from cali.stages.refine import masks

if TYPE_CHECKING:
    from collections.abc import Container

    from cali.stages.refine.book import Book
    from cali.stages.retrieve.knowledge import Knowledge

# As the functions detect: a warning counts even if a later line reports success, because chance decides whether that
# line is in the same batch. `positions` is the number of lines of an incident that `compare` may use.
AS_DEPLOYED = DetectPolicy(positions=4_096, moments=MOMENTS, undone=0)
AS_ANALYZED = DetectPolicy(positions=4_096, moments=MOMENTS)


@dataclass(frozen=True, slots=True)
class ReplayVersions:
    """The versions that a replay uses. `model` only serves to estimate the cost; it is never asked."""

    knowledge: Knowledge
    masks: str = masks.LATEST
    book: Book | None = None
    prompt: str = question.LATEST
    prices: str = spend.LATEST
    model: str = ""

    def book_version(self) -> str:
        """Return a hash of the content of the book; empty without a book."""
        if self.book is None:
            return ""
        content = blake2b(self.book.masks.encode(), digest_size=4)
        for text in sorted(text for sample in self.book.samples.values() for text in sample):
            content.update(b"\0" + text.encode("utf-8", "surrogatepass"))
        return content.hexdigest()


@dataclass(frozen=True, slots=True)
class Terms:
    """The conditions of a replay.

    Only events from `since` to `until` count, and those without a time. The replay ends at `until`, or at the last time
    of the lines. `year` completes timestamps without a year. Incidents in `suppressed` are not raised, because people
    called them no error.
    """

    cluster: str = ""
    year: int | None = None
    since: float | None = None
    until: float | None = None
    language: str = "en"
    suppressed: Container[str] = frozenset()
    policy: DetectPolicy = AS_DEPLOYED
    life: LifePolicy = field(default_factory=LifePolicy)

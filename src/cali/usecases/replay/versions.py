"""What a replay is made under: the versions of what it judges by, and what it would otherwise ask the world for."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from cali.stages.detect import DetectPolicy, LifePolicy
from cali.stages.reason import question, spend
from cali.stages.refine import masks

if TYPE_CHECKING:
    from collections.abc import Container

    from cali.stages.refine.book import Book
    from cali.stages.retrieve.knowledge import Knowledge

# As the functions detect: a warning counts even if a later line says that it worked after all, because whether that
# line is in the same batch is chance there. Of each incident so many lines are remembered, to compare by.
AS_DEPLOYED = DetectPolicy(positions=4_096, undone=0)
AS_ANALYZED = DetectPolicy(positions=4_096)


@dataclass(frozen=True, slots=True)
class ReplayVersions:
    """What judges the lines. `model` is the one that would be asked, for the cost; it is never asked."""

    knowledge: Knowledge
    masks: str = masks.LATEST
    book: Book | None = None
    prompt: str = question.LATEST
    prices: str = spend.LATEST
    model: str = ""

    def book_version(self) -> str:
        """A name for what the book holds; empty without a book."""
        if self.book is None:
            return ""
        content = blake2b(self.book.masks.encode(), digest_size=4)
        for text in sorted(text for sample in self.book.samples.values() for text in sample):
            content.update(b"\0" + text.encode("utf-8", "surrogatepass"))
        return content.hexdigest()


@dataclass(frozen=True, slots=True)
class Terms:
    """What a replay is told instead of asking. Only events from `since` to `until` count, and those without a time;
    `until` is then also the time at which the replay ends, instead of the last line's. `year` completes stamps that have
    none. `suppressed` are ids of incidents that people called no error: they are not raised."""

    cluster: str = ""
    year: int | None = None
    since: float | None = None
    until: float | None = None
    language: str = "en"
    suppressed: Container[str] = frozenset()
    policy: DetectPolicy = AS_DEPLOYED
    life: LifePolicy = field(default_factory=LifePolicy)

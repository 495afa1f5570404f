"""Sees in a running process that other releases are in force, without asking more than once a minute.

A release that cannot be read is refused: what is loaded stays, the failure is counted, and it is tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cali.core.errors import CaliError
from cali.usecases.releases.repository import BOOKS, KNOWLEDGE, Current, Releases

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.stages.refine.book import Book
    from cali.stages.retrieve.knowledge import Knowledge

EVERY = 60.0  # seconds
AWAY = 240.0  # more, after a store did not answer: to wait for it takes seconds, and lines are waiting


class ReleaseWatch:
    """What a process has loaded of the releases. It loads a kind when it is first asked for, and never raises for what the
    store or a release does: then the shipped knowledge, and no book, are what it has. `failures` counts."""

    def __init__(
        self,
        releases: Callable[[], Releases] | None,
        shipped: Callable[[], Knowledge],
        masks: str,
        now: Callable[[], float],
        warn: Callable[[str], None] = lambda _: None,
        every: float = EVERY,
    ) -> None:
        """`releases` is called with each look; without it all stays as shipped."""
        self._releases = releases
        self._shipped = shipped
        self._masks = masks
        self._now = now
        self._warn = warn
        self._every = every
        self._current = Current()
        self._looked = float("-inf")
        self._knowledge: tuple[str, Knowledge] | None = (
            None  # the version that was asked for last, and what is held
        )
        self._book: tuple[str, Book | None] | None = None
        self.failures = 0

    @property
    def knowledge(self) -> Knowledge:
        """The knowledge in force, as it was loaded last."""
        if self._knowledge is None:
            self.look()
            self._knowledge = ("", self._shipped())
            self._load_knowledge()
        return self._knowledge[1]

    @property
    def book(self) -> Book | None:
        """The template book in force, as it was loaded last."""
        if self._book is None:
            self.look()
            self._book = ("", None)
            self._load_book()
        return self._book[1]

    def look(self) -> frozenset[str]:
        """Looks at the pointer if that was not done for a while, and loads again what it has loaded. The kinds of which
        something else is in force than before."""
        if self._releases is None or self._now() - self._looked < self._every:
            return frozenset()
        self._looked = self._now()
        try:
            newer = self._releases().newer(self._current.tag)
        except CaliError as error:
            self._looked = self._now() + AWAY
            self._failed(error)
            return frozenset()
        self._current = newer or self._current
        changed = set()
        if self._knowledge is not None and self._load_knowledge():
            changed.add(KNOWLEDGE)
        if self._book is not None and self._load_book():
            changed.add(BOOKS)
        return frozenset(changed)

    def _load_knowledge(self) -> bool:
        version = self._current.versions.knowledge
        if self._releases is None or self._knowledge is None or self._knowledge[0] == version:
            return False
        held = self._knowledge[1]
        try:
            new = self._releases().knowledge(version, self._shipped())
        except CaliError as error:
            self._failed(error)
            return False
        self._knowledge = (version, new if new.version != held.version else held)
        return new.version != held.version

    def _load_book(self) -> bool:
        version = self._current.versions.book
        if self._releases is None or self._book is None or self._book[0] == version:
            return False
        held = self._book[1]
        try:
            new = self._releases().book(version, self._masks)
        except CaliError as error:
            self._failed(error)
            return False
        same = (new.merges if new else []) == (held.merges if held else [])
        self._book = (version, held if same else new)
        return not same

    def _failed(self, error: CaliError) -> None:
        self.failures += 1
        self._warn(f"releases: what is loaded stays: {error}")

"""A watch on the releases in force, for a running process. It checks the pointer at most once a minute.

If a release cannot be read, the loaded one stays, the failure is counted, and a later check tries again.
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
AWAY = 240.0  # more seconds after a failure of the store, because each attempt delays the lines


class ReleaseWatch:
    """The releases that a process has loaded. Each kind is loaded when it is first needed.

    If the store or a release fails, the process goes on with the shipped knowledge and without a book. `failures`
    counts these failures; none is raised.
    """

    def __init__(
        self,
        releases: Callable[[], Releases] | None,
        shipped: Callable[[], Knowledge],
        masks: str,
        now: Callable[[], float],
        warn: Callable[[str], None] = lambda _: None,
        every: float = EVERY,
    ) -> None:
        """`releases` is called at each check. With None, only the shipped knowledge is used."""
        self._releases = releases
        self._shipped = shipped
        self._masks = masks
        self._now = now
        self._warn = warn
        self._every = every
        self._current = Current()
        self._looked = float("-inf")
        # Each with the version that was requested last.
        self._knowledge: tuple[str, Knowledge] | None = None
        self._book: tuple[str, Book | None] | None = None
        self.failures = 0

    @property
    def knowledge(self) -> Knowledge:
        """The knowledge that was loaded last."""
        if self._knowledge is None:
            self.look()
            self._knowledge = ("", self._shipped())
            self._load_knowledge()
        return self._knowledge[1]

    @property
    def book(self) -> Book | None:
        """The template book that was loaded last."""
        if self._book is None:
            self.look()
            self._book = ("", None)
            self._load_book()
        return self._book[1]

    def look(self) -> frozenset[str]:
        """Check the pointer if the last check is long enough ago, and reload changed releases.

        Return the kinds whose content has changed.
        """
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
        loaded = self._knowledge[1]
        try:
            new = self._releases().knowledge(version, self._shipped())
        except CaliError as error:
            self._failed(error)
            return False
        self._knowledge = (version, new if new.version != loaded.version else loaded)
        return new.version != loaded.version

    def _load_book(self) -> bool:
        version = self._current.versions.book
        if self._releases is None or self._book is None or self._book[0] == version:
            return False
        loaded = self._book[1]
        try:
            new = self._releases().book(version, self._masks)
        except CaliError as error:
            self._failed(error)
            return False
        same = (new.merges if new else []) == (loaded.merges if loaded else [])
        self._book = (version, loaded if same else new)
        return not same

    def _failed(self, error: CaliError) -> None:
        self.failures += 1
        self._warn(f"releases: the loaded release stays in use: {error}")

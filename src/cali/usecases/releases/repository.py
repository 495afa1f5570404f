"""Keeps releases and says which are in force."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.core.errors import Misconfigured
from cali.core.optimistic import update
from cali.stages.refine import book as books
from cali.usecases.releases import documents as forms
from cali.usecases.releases.documents import NOTHING, Learnt, knowledge_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.core.ports import Objects, Pointers
    from cali.stages.refine.book import Book
    from cali.stages.retrieve.knowledge import Knowledge

HOME = "releases/"
POINTER = f"{HOME}current.json"
KNOWLEDGE, BOOKS = "knowledge", "books"
_FIELD = {KNOWLEDGE: "knowledge", BOOKS: "book"}  # of Versions


class ReleaseVersions(NamedTuple):
    """A version of each kind; empty for what was shipped alone."""

    knowledge: str = ""
    book: str = ""


@dataclass(frozen=True, slots=True)
class Current:
    """What is in force, what was before it, since when and why. `tag` is the pointer's."""

    versions: ReleaseVersions = field(default_factory=ReleaseVersions)
    previous: ReleaseVersions = field(default_factory=ReleaseVersions)
    at: str = ""
    why: str = ""
    tag: str = ""


class Releases:
    """The releases of a bucket or folder. A version is its day and a hash of its content, and never changes."""

    def __init__(self, objects: Objects, pointers: Pointers) -> None:
        self._objects = objects
        self._pointers = pointers

    def current(self) -> Current:
        """What is in force now."""
        return self.newer("") or Current()

    def newer(self, tag: str) -> Current | None:
        """What is in force; None when the pointer still has this tag. Misconfigured when nobody can read it."""
        read = self._pointers.read(POINTER, tag)
        if read is None:
            return None
        return _pointer(read.body, read.tag) if read.body else Current()

    def learnt(self, version: str) -> Learnt:
        """The learnt entries of a version; none for the empty one."""
        return self._sealed(version)[0] if version else NOTHING

    def knowledge(self, version: str, shipped: Knowledge) -> Knowledge:
        """The knowledge of a version over what was shipped. Misconfigured when the release is damaged or not there."""
        if not version:
            return shipped
        learnt, compiled = self._sealed(version)
        return knowledge_over(shipped, learnt, compiled)

    def book(self, version: str, masks: str) -> Book | None:
        """The template book of a version; None for the empty one."""
        if not version:
            return None
        key, body = self._book(version)
        return books.loads(body, masks, key)

    def versions(self, kind: str) -> list[str]:
        """The versions that are kept, the oldest day first."""
        prefix = f"{HOME}{kind}/"
        return [key[len(prefix) : -len(".json")] for key in self._objects.keys(prefix)]

    def kind(self, version: str) -> str:
        """Which kind of release has this version. Misconfigured if none has."""
        for kind in (KNOWLEDGE, BOOKS):
            if version in self.versions(kind):
                return kind
        raise Misconfigured(f"{version}: no release has this version; `cali release list` shows them")

    def forget(self, kind: str, version: str) -> None:
        """Drops a release that is neither in force nor the one before. Misconfigured otherwise."""
        now = self.current()
        if version in (*now.versions, *now.previous):
            raise Misconfigured(f"{version}: in force, or the one before; it is kept")
        self._objects.drop(f"{HOME}{kind}/{version}.json")

    def change(
        self, step: Callable[[Learnt], Learnt], day: str, at: str, why: str, shipped: Knowledge
    ) -> Current:
        """Put in force what a step makes of the learnt entries in force. If it changes nothing, write nothing."""

        def changed(now: Current) -> Current | None:
            before = self.learnt(now.versions.knowledge)
            after = step(before)
            if after.digest == before.digest:
                return None
            version = f"{day}-{after.digest}"
            key = f"{HOME}{KNOWLEDGE}/{version}.json"
            if self._objects.get(key) is None:
                self._objects.put(key, forms.dumps(after, version, why, at, shipped))
            return _next(now, now.versions._replace(knowledge=version), at, why)

        return update(self.current, changed, self._point, POINTER)

    def publish_book(self, book: Book, day: str, at: str, why: str) -> Current:
        """Puts a template book in force."""
        body = books.dumps(book)
        version = f"{day}-{_digest(body)}"
        now = self.current()
        if now.versions.book.endswith(_digest(body)):
            return now
        self._objects.put(f"{HOME}{BOOKS}/{version}.json", body)
        return self.use(version, at, why)

    def use(self, version: str, at: str, why: str) -> Current:
        """Puts a kept version in force. One that cannot be read is refused."""
        kind = self.kind(version)
        self._readable(ReleaseVersions(**{_FIELD[kind]: version}))

        def changed(now: Current) -> Current | None:
            wanted = now.versions._replace(**{_FIELD[kind]: version})
            return None if wanted == now.versions else _next(now, wanted, at, why)

        return update(self.current, changed, self._point, POINTER)

    def back(self, at: str, why: str) -> Current:
        """Puts the versions before the current ones in force; done twice, the current ones are again."""
        now = self.current()
        if not now.tag or now.versions == now.previous:
            raise Misconfigured(f"{POINTER}: there is no release to go back to")
        self._readable(now.previous)
        return self._point(_next(now, now.previous, at, why))

    def _readable(self, versions: ReleaseVersions) -> None:
        """Misconfigured when one of them is not there, or damaged: no process would take it."""
        self.learnt(versions.knowledge)
        if versions.book:
            self._book(versions.book)

    def _point(self, new: Current) -> Current:
        """Write the pointer over the one that `new.tag` names."""
        body = {
            "knowledge": new.versions.knowledge,
            "book": new.versions.book,
            "previous": new.previous._asdict(),
            "at": new.at,
            "why": new.why,
        }
        tag = self._pointers.swap(POINTER, orjson.dumps(body, option=orjson.OPT_INDENT_2), new.tag)
        return replace(new, tag=tag)

    def _book(self, version: str) -> tuple[str, bytes]:
        key = f"{HOME}{BOOKS}/{version}.json"
        body = self._held(key)
        if not version.endswith(_digest(body)):
            raise Misconfigured(f"{key}: damaged: its content is not that of its name")
        return key, body

    def _sealed(self, version: str) -> tuple[Learnt, dict[str, Any] | None]:
        key = f"{HOME}{KNOWLEDGE}/{version}.json"
        return forms.loads(self._held(key), version, key)

    def _held(self, key: str) -> bytes:
        body = self._objects.get(key)
        if body is None:
            raise Misconfigured(f"{key}: not there")
        return body


def _next(now: Current, versions: ReleaseVersions, at: str, why: str) -> Current:
    return Current(versions, now.versions, at, why, now.tag)


def _pointer(body: bytes, tag: str) -> Current:
    try:
        held = orjson.loads(body)
        before = held["previous"]
        return Current(
            ReleaseVersions(str(held["knowledge"]), str(held["book"])),
            ReleaseVersions(str(before["knowledge"]), str(before["book"])),
            str(held["at"]),
            str(held["why"]),
            tag,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{POINTER}: not a pointer to releases: {type(error).__name__}") from error


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=4).hexdigest()

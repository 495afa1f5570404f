"""The repository of releases, with the pointer to the versions in force."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cali.core.errors import Misconfigured
from cali.core.optimistic import update
from cali.stages.refine import book
from cali.usecases.releases import documents
from cali.usecases.releases.documents import NOTHING, LearntKnowledge, knowledge_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from cali.core.ports import Objects, Pointers
    from cali.stages.refine.book import Book
    from cali.stages.retrieve.knowledge import Knowledge

HOME = "releases/"
POINTER = f"{HOME}current.json"
KNOWLEDGE, BOOKS = "knowledge", "books"
_FIELD = {KNOWLEDGE: "knowledge", BOOKS: "book"}  # kind of release -> field of ReleaseVersions


class ReleaseVersions(NamedTuple):
    """A version of each kind; empty if nothing was released."""

    knowledge: str = ""
    book: str = ""


@dataclass(frozen=True, slots=True)
class Current:
    """The versions in force and the previous ones, with the time and the reason of the change.

    `tag` is the tag of the pointer.
    """

    versions: ReleaseVersions = field(default_factory=ReleaseVersions)
    previous: ReleaseVersions = field(default_factory=ReleaseVersions)
    at: str = ""
    why: str = ""
    tag: str = ""


class Releases:
    """The releases in a bucket or folder. A version is named by its day and a hash of its content, and is immutable."""

    def __init__(self, objects: Objects, pointers: Pointers) -> None:
        self._objects = objects
        self._pointers = pointers

    def current(self) -> Current:
        """Return the versions in force."""
        return self.newer("") or Current()

    def newer(self, tag: str) -> Current | None:
        """Return the versions in force; None if the pointer still has this tag.

        Raise Misconfigured if the pointer cannot be read.
        """
        read = self._pointers.read(POINTER, tag)
        if read is None:
            return None
        return _pointer(read.body, read.tag) if read.body else Current()

    def learnt(self, version: str) -> LearntKnowledge:
        """Return the learnt entries of a version; none for the empty one."""
        return self._sealed(version)[0] if version else NOTHING

    def knowledge(self, version: str, shipped: Knowledge) -> Knowledge:
        """Return the knowledge of a version over the shipped one.

        Raise Misconfigured if the release is damaged or missing.
        """
        if not version:
            return shipped
        learnt, compiled = self._sealed(version)
        return knowledge_over(shipped, learnt, compiled)

    def book(self, version: str, masks: str) -> Book | None:
        """Return the template book of a version; None for the empty one."""
        if not version:
            return None
        key, body = self._book(version)
        return book.loads(body, masks, key)

    def versions(self, kind: str) -> list[str]:
        """Return the stored versions, oldest day first."""
        prefix = f"{HOME}{kind}/"
        return [key[len(prefix) : -len(".json")] for key in self._objects.keys(prefix)]

    def kind(self, version: str) -> str:
        """Return the kind of release that has this version. Raise Misconfigured if none has."""
        for kind in (KNOWLEDGE, BOOKS):
            if version in self.versions(kind):
                return kind
        raise Misconfigured(f"{version}: no release has this version; run `cali release list` to see them")

    def forget(self, kind: str, version: str) -> None:
        """Delete a release. Raise Misconfigured if it is in force or the previous one."""
        now = self.current()
        if version in (*now.versions, *now.previous):
            raise Misconfigured(f"{version}: it is in force or the previous release, so it cannot be deleted")
        self._objects.drop(f"{HOME}{kind}/{version}.json")

    def change(
        self,
        step: Callable[[LearntKnowledge], LearntKnowledge],
        day: str,
        at: str,
        why: str,
        shipped: Knowledge,
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
                self._objects.put(key, documents.dumps(after, version, why, at, shipped))
            return _next(now, now.versions._replace(knowledge=version), at, why)

        return update(self.current, changed, self._point, POINTER)

    def publish_book(self, new: Book, day: str, at: str, why: str) -> Current:
        """Put a template book in force."""
        body = book.dumps(new)
        version = f"{day}-{_digest(body)}"
        now = self.current()
        if now.versions.book.endswith(_digest(body)):
            return now
        self._objects.put(f"{HOME}{BOOKS}/{version}.json", body)
        return self.use(version, at, why)

    def use(self, version: str, at: str, why: str) -> Current:
        """Put a stored version in force. Raise Misconfigured if it cannot be read."""
        kind = self.kind(version)
        self._readable(ReleaseVersions(**{_FIELD[kind]: version}))

        def changed(now: Current) -> Current | None:
            wanted = now.versions._replace(**{_FIELD[kind]: version})
            return None if wanted == now.versions else _next(now, wanted, at, why)

        return update(self.current, changed, self._point, POINTER)

    def back(self, at: str, why: str) -> Current:
        """Put the previous versions in force. A second call undoes the first."""
        now = self.current()
        if not now.tag or now.versions == now.previous:
            raise Misconfigured(f"{POINTER}: there is no release to go back to")
        self._readable(now.previous)
        return self._point(_next(now, now.previous, at, why))

    def _readable(self, versions: ReleaseVersions) -> None:
        """Raise Misconfigured if one of the versions is missing or damaged, because no process could load it."""
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
        body = self._stored_object(key)
        if not version.endswith(_digest(body)):
            raise Misconfigured(f"{key}: damaged: its content does not match its name; use another release")
        return key, body

    def _sealed(self, version: str) -> tuple[LearntKnowledge, dict[str, Any] | None]:
        key = f"{HOME}{KNOWLEDGE}/{version}.json"
        return documents.loads(self._stored_object(key), version, key)

    def _stored_object(self, key: str) -> bytes:
        body = self._objects.get(key)
        if body is None:
            raise Misconfigured(f"{key}: missing; run `cali release list` to see the releases")
        return body


def _next(now: Current, versions: ReleaseVersions, at: str, why: str) -> Current:
    return Current(versions, now.versions, at, why, now.tag)


def _pointer(body: bytes, tag: str) -> Current:
    try:
        pointer = orjson.loads(body)
        before = pointer["previous"]
        return Current(
            ReleaseVersions(str(pointer["knowledge"]), str(pointer["book"])),
            ReleaseVersions(str(before["knowledge"]), str(before["book"])),
            str(pointer["at"]),
            str(pointer["why"]),
            tag,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{POINTER}: not a pointer to releases: {type(error).__name__}") from error


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=4).hexdigest()

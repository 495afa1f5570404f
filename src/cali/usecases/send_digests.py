"""Keeps and sends digests: the books of `digest.py` in the store, shared by all who tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cali.core.errors import CaliError, Conflict, Poison, Retryable
from cali.core.optimistic import update
from cali.core.ports import AlertStore, Note
from cali.stages.notify.content import Named
from cali.stages.notify.digest import Book, admit, begun, due, dumps, fold, loads, message
from cali.stages.notify.rules import Send, Storm
from cali.stages.notify.sink import Gone, LivingSink, Sink, Style
from cali.stages.notify.words import Words

LEASE = 60.0
ATTEMPTS = 20
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0


class Digests:
    """The digests of all places."""

    def __init__(
        self,
        store: AlertStore,
        sink: Callable[[str], Sink],
        say: Words,
        storm: Storm,
        now: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        self._store = store
        self._sink = sink
        self._say = say
        self._storm = storm
        self._now = now
        self._warn = warn

    def admit(self, send: Send, member: Named) -> tuple[str, bool]:
        """The key of the digest of a place, and whether the incident may have a message of its own there."""
        verdict = True

        def step(book: Book) -> Book:
            nonlocal verdict
            book, verdict = admit(book, member, self._now(), self._storm)
            return book

        return self._changed(begun("storm", send), step), verdict

    def fold(self, which: str, send: Send, member: Named) -> str:
        """Names an incident in a digest."""
        return self._changed(begun(which, send), lambda book: fold(book, member, self._now()))

    def send(self, key: str) -> str:
        """Sends or changes a digest if it is time: `sent`, `later` or `nothing`."""
        note = self._store.get(key)
        if note is None or not note.body:
            return "nothing"
        book, now = self._read(note), self._now()
        if book is None:
            self._store.put(replace(note, due=None))
            return "nothing"
        sink = self._sink(book.sink)
        time = due(book, sink.style, self._say, self._storm)
        if time is None or time > now:
            if note.due != time:
                self._store.put(self._note(note, book, time))
            return "nothing"
        shown = message(book, self._say, self._storm)
        claimed = replace(book, again_at=now + LEASE, trying=shown.key, tried_at=book.tried_at or now)
        try:
            note = self._store.put(self._note(note, claimed, now + LEASE))
        except Conflict:
            return "nothing"  # whoever was faster sends it
        result = "sent"
        try:
            ref = self._sent(sink, book)
            book = replace(
                book, ref=ref, shown=shown.stamp, failures=0, again_at=0.0, trying="", tried_at=0.0
            )
            book = replace(book, edited_at=now) if book.sent_at else replace(book, sent_at=now)
        except Gone:
            book = replace(book, ref="", sent_at=0.0, edited_at=0.0, again_at=now + FIRST_PAUSE)
        except CaliError as error:
            result = "later"
            wait = min(getattr(error, "after", None) or FIRST_PAUSE * 2**book.failures, LONGEST_PAUSE)
            book = replace(claimed, failures=min(book.failures + 1, 10), again_at=now + wait)
            if not isinstance(error, Retryable):
                self._warn(f"{book.sink} {book.channel}: {error}")
        self._settle(note, book, sink.style)
        return result

    def _sent(self, sink: Sink, book: Book) -> str:
        shown = message(book, self._say, self._storm)
        living: LivingSink | None = sink if sink.style is Style.LIVING else None  # type: ignore[assignment]  # its style says so
        if living is not None and book.sent_at and book.ref:
            living.edit(book.ref, shown)
            return book.ref
        found = (
            living.find(shown.key, book.channel, book.tried_at) if living is not None and book.trying else ""
        )
        return found or sink.post(shown, book.channel)

    def _settle(self, note: Note, book: Book, style: Style) -> None:
        """Keeps what came of it. Members that came in the meantime stay."""

        def settled(newest: Note) -> Note:
            newer = book if newest.version == note.version else self._read(newest) or book
            merged = replace(
                book, members=newer.members, others=newer.others, recent=newer.recent, last=newer.last
            )
            return self._note(newest, merged, due(merged, style, self._say, self._storm))

        update(lambda: self._store.get(note.key) or note, settled, self._store.put, note.key, ATTEMPTS)

    def _changed(self, empty: Book, step: Callable[[Book], Book]) -> str:
        style = self._sink(empty.sink).style

        def stepped(note: Note) -> Note | None:
            book = replace(self._read(note) or empty, mention=empty.mention)
            changed = step(book)
            if changed == book and note.body:
                return None
            return self._note(note, changed, due(changed, style, self._say, self._storm))

        key = empty.key
        update(lambda: self._store.get(key) or Note(key, ""), stepped, self._store.put, key, ATTEMPTS)
        return key

    def _read(self, note: Note) -> Book | None:
        """The book of a note; none if it has none that can be read, so that it is begun anew."""
        try:
            return loads(note.body) if note.body else None
        except Poison as error:
            self._warn(f"{note.key}: begun anew: {error}")
            return None

    def _note(self, note: Note, book: Book, time: float | None) -> Note:
        return replace(note, body=dumps(book), due=time)

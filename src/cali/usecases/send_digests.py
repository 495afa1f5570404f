"""Digests of incidents, sent by channel: the states of `digest.py` in the store, shared by all processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cali.core.errors import CaliError, Conflict, Poison, Retryable
from cali.core.optimistic import update
from cali.core.ports import AlertStore, Note
from cali.stages.notify.content import IncidentRef, Message
from cali.stages.notify.digest import DigestState, admit, due, dumps, empty_digest, fold, loads, message
from cali.stages.notify.rules import Destination, Storm
from cali.stages.notify.sink import LivingSink, MessageGone, Sink, Style
from cali.stages.notify.words import Words

LEASE = 60.0
ATTEMPTS = 20
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0


class Digests:
    """The digests of all channels."""

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

    def admit(self, send: Destination, member: IncidentRef) -> tuple[str, bool]:
        """Return the key of the digest of a channel, and whether the incident may have its own message there."""
        verdict = True

        def step(state: DigestState) -> DigestState:
            nonlocal verdict
            state, verdict = admit(state, member, self._now(), self._storm)
            return state

        return self._update(empty_digest("storm", send), step), verdict

    def fold(self, which: str, send: Destination, member: IncidentRef) -> str:
        """Add an incident to a digest, and return the digest's key."""
        return self._update(empty_digest(which, send), lambda state: fold(state, member, self._now()))

    def send(self, key: str) -> str:
        """Send or edit a digest if it is due. Return `sent`, `later` or `nothing`."""
        note = self._store.get(key)
        if note is None or not note.body:
            return "nothing"
        state, now = self._read(note), self._now()
        if state is None:
            self._store.put(replace(note, due=None))
            return "nothing"
        sink = self._sink(state.sink)
        time = due(state, sink.style, self._say, self._storm)
        if time is None or time > now:
            if note.due != time:
                self._store.put(self._note(note, state, time))
            return "nothing"
        shown = message(state, self._say, self._storm)
        claimed = replace(state, again_at=now + LEASE, trying=shown.key, tried_at=state.tried_at or now)
        try:
            note = self._store.put(self._note(note, claimed, now + LEASE))
        except Conflict:
            return "nothing"  # another process was faster, and sends it
        result = "sent"
        try:
            ref = self._deliver(sink, state, shown)
            state = replace(
                state, ref=ref, shown=shown.stamp, failures=0, again_at=0.0, trying="", tried_at=0.0
            )
            state = replace(state, edited_at=now) if state.sent_at else replace(state, sent_at=now)
        except MessageGone:
            state = replace(state, ref="", sent_at=0.0, edited_at=0.0, again_at=now + FIRST_PAUSE)
        except CaliError as error:
            result = "later"
            wait = min(getattr(error, "after", None) or FIRST_PAUSE * 2**state.failures, LONGEST_PAUSE)
            state = replace(claimed, failures=min(state.failures + 1, 10), again_at=now + wait)
            if not isinstance(error, Retryable):
                self._warn(f"{state.sink} {state.channel}: {error}")
        self._store_result(note, state, sink.style)
        return result

    def _deliver(self, sink: Sink, state: DigestState, shown: Message) -> str:
        living: LivingSink | None = sink if sink.style is Style.LIVING else None  # type: ignore[assignment]  # its style says so
        if living is not None and state.sent_at and state.ref:
            living.edit(state.ref, shown)
            return state.ref
        found = (
            living.find(shown.key, state.channel, state.tried_at)
            if living is not None and state.trying
            else ""
        )
        return found or sink.post(shown, state.channel)

    def _store_result(self, note: Note, state: DigestState, style: Style) -> None:
        """Store the result, with the members that were added in the meantime."""

        def merge(newest: Note) -> Note:
            newer = state if newest.version == note.version else self._read(newest) or state
            merged = replace(
                state, members=newer.members, others=newer.others, recent=newer.recent, last=newer.last
            )
            return self._note(newest, merged, due(merged, style, self._say, self._storm))

        update(lambda: self._store.get(note.key) or note, merge, self._store.put, note.key, ATTEMPTS)

    def _update(self, empty: DigestState, step: Callable[[DigestState], DigestState]) -> str:
        style = self._sink(empty.sink).style

        def change(note: Note) -> Note | None:
            state = replace(self._read(note) or empty, mention=empty.mention)
            changed = step(state)
            if changed == state and note.body:
                return None
            return self._note(note, changed, due(changed, style, self._say, self._storm))

        key = empty.key
        update(lambda: self._store.get(key) or Note(key, ""), change, self._store.put, key, ATTEMPTS)
        return key

    def _read(self, note: Note) -> DigestState | None:
        """Return the state in a note; None if there is none, or a damaged one."""
        try:
            return loads(note.body) if note.body else None
        except Poison as error:
            self._warn(f"{note.key}: the stored digest is damaged and starts empty: {error}")
            return None

    def _note(self, note: Note, state: DigestState, time: float | None) -> Note:
        return replace(note, body=dumps(state), due=time)

"""The ports of alerts in memory, and sinks that keep what they are told. They pass the contract suites of their ports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cali.core.errors import Conflict
from cali.core.life import Feedback, Verdict
from cali.stages.notify.sink import MessageGone, Style

if TYPE_CHECKING:
    from cali.core.ports import Note
    from cali.stages.notify.content import Message


class MemoryAlerts:
    """An AlertStore."""

    def __init__(self) -> None:
        self.kept: dict[str, Note] = {}

    def get(self, key: str) -> Note | None:
        return self.kept.get(key)

    def put(self, note: Note) -> Note:
        version = self.kept[note.key].version if note.key in self.kept else 0
        if version != note.version:
            raise Conflict(f"{note.key}: changed since version {note.version} was read")
        self.kept[note.key] = replace(note, version=version + 1)
        return self.kept[note.key]

    def due(self, now: float, limit: int) -> list[str]:
        found = [
            (note.due, key) for key, note in self.kept.items() if note.due is not None and note.due <= now
        ]
        return [key for _, key in sorted(found)[: max(limit, 0)]]


class MemoryFeedback:
    """A FeedbackStore."""

    def __init__(self) -> None:
        self.kept: dict[str, Feedback] = {}

    def put(self, record: Feedback) -> bool:
        if record.id in self.kept:
            return False
        self.kept[record.id] = record
        return True

    def find(self, limit: int, incident: str = "") -> list[Feedback]:
        found = [one for one in self.kept.values() if incident in ("", one.incident)]
        return found[::-1][: max(limit, 0)]

    def suppressed(self) -> frozenset[str]:
        last = {one.incident: one.verdict for one in self.kept.values()}
        return frozenset(incident for incident, verdict in last.items() if verdict is Verdict.NOT_AN_ERROR)


class MemoryClaims:
    """Claims of one process."""

    def __init__(self) -> None:
        self.kept: dict[str, float] = {}

    def claim(self, name: str, now: float, seconds: float) -> bool:
        if self.kept.get(name, 0.0) > now:
            return False
        self.kept[name] = now + seconds
        return True

    def release(self, name: str) -> None:
        self.kept.pop(name, None)


class KeptSink:
    """A sink of any style that keeps what it is told. It raises what is in `fails`, one after the other; a message in
    `deleted` is gone."""

    def __init__(self, style: Style = Style.LIVING) -> None:
        self.style = style
        self.posts: list[tuple[str, Message]] = []
        self.edits: list[tuple[str, Message]] = []
        self.replies: list[tuple[str, str]] = []
        self.fails: list[Exception] = []
        self.deleted: set[str] = set()
        self._keys: dict[str, str] = {}

    def post(self, message: Message, channel: str) -> str:
        self._check("")
        ref = f"{channel} {len(self.posts) + 1}"
        self.posts.append((channel, message))
        self._keys[message.key] = ref
        return ref

    def edit(self, ref: str, message: Message) -> None:
        self._check(ref)
        self.edits.append((ref, message))

    def reply(self, ref: str, key: str, text: str, *, broadcast: bool) -> None:  # noqa: ARG002 - as a LivingSink's
        self._check(ref)
        self.replies.append((ref, text))
        self._keys[key] = ref

    def find(self, key: str, channel: str, since: float, thread: str = "") -> str:  # noqa: ARG002 - as a LivingSink's
        return self._keys.get(key, "")

    def _check(self, ref: str) -> None:
        if self.fails:
            raise self.fails.pop(0)
        if ref in self.deleted:
            raise MessageGone(f"{ref}: deleted")

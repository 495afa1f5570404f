"""A recording sink for tests."""

from __future__ import annotations

from cali.stages.notify.content import Message
from cali.stages.notify.sink import MessageGone, Style


class RecordingSink:
    """A LivingSink of any style that records its messages.

    It raises the errors in `fails`, one per call. `deleted` holds the ids of messages that a person deleted.
    """

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

    def reply(self, ref: str, key: str, text: str, *, broadcast: bool) -> None:  # noqa: ARG002 - the signature of LivingSink
        self._check(ref)
        self.replies.append((ref, text))
        self._keys[key] = ref

    def find(self, key: str, channel: str, since: float, thread: str = "") -> str:  # noqa: ARG002 - the signature of LivingSink
        return self._keys.get(key, "")

    def _check(self, ref: str) -> None:
        if self.fails:
            raise self.fails.pop(0)
        if ref in self.deleted:
            raise MessageGone(f"{ref}: deleted")

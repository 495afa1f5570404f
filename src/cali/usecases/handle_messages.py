"""Handle the messages of the incidents stream one by one, for a process that polls the stream."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any

from cali.core.errors import Misconfigured, Poison, Retryable
from cali.usecases.publish_changes import loads

ATTEMPTS = 10  # attempts at a message that raises an unexpected error, before it is quarantined


class MessageHandler:
    """Handler of a batch of messages. It stops at the first message that must be retried.

    `handle` handles one message and returns its result in a word; `quarantine` stores one with the reason.
    """

    def __init__(
        self,
        job: str,
        handle: Callable[[Any], str],
        quarantine: Callable[[str, str, str], None],
        say: Callable[[str], None],
    ) -> None:
        self._job = job
        self._handle = handle
        self._quarantine = quarantine
        self._say = say
        self._failures: dict[str, int] = {}

    def __call__(self, _shard: str, items: Sequence[dict[str, Any]]) -> int:
        for place, item in enumerate(items):
            try:
                message = loads(b64decode(item["kinesis"]["data"]))
            except (Poison, ValueError) as error:
                self._put_aside(item, str(error))
                continue
            try:
                result = self._handle(message)
            except Exception as error:
                if not self._gives_up(item, error):
                    self._say(
                        f"{self._job}: {message.incident}: will be retried: {type(error).__name__}: {error}"
                    )
                    return place
                continue
            if result != "nothing":
                self._say(f"{self._job}: {message.incident}: {result}")
        return len(items)

    def _gives_up(self, item: dict[str, Any], error: Exception) -> bool:
        """Return whether a message has no attempts left. Quarantine it in that case.

        A message that waits for a service or a setting is retried without limit: the stream keeps it.
        """
        if isinstance(error, Retryable | Misconfigured):
            return False
        tried = self._failures.pop(item["eventID"], 0) + 1
        if tried >= ATTEMPTS:
            self._put_aside(item, f"{type(error).__name__}: {error}")
            return True
        self._failures[item["eventID"]] = tried
        return False

    def _put_aside(self, item: dict[str, Any], why: str) -> None:
        self._quarantine(item["eventID"], item["kinesis"]["data"], why)
        self._say(f"{self._job}: {item['eventID']}: quarantined: {why}")

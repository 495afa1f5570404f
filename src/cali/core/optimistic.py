"""Optimistic locking: read a value, change it, write it back, and retry if another process wrote first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cali.core.errors import Conflict, Retryable

Old = TypeVar("Old")
New = TypeVar("New")

ATTEMPTS = 8
PAUSE = 0.02  # seconds after the first conflict; each further pause is longer by the same amount


def update(
    read: Callable[[], Old],
    change: Callable[[Old], New | None],
    write: Callable[[New], New],
    what: str,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], None] | None = None,
) -> Old | New:
    """Read, change and write a value. Return the result of `write`, or the value that was read if `change` returned None.

    `write` raises Conflict if the value has changed since it was read; the next attempt reads it again. So `change` must
    have no side effects. Raise Retryable, with `what` in its message, if every attempt met a conflict.
    """
    for attempt in range(attempts):
        if attempt and sleep is not None:
            sleep(PAUSE * attempt)
        old = read()
        new = change(old)
        if new is None:
            return old
        try:
            return write(new)
        except Conflict:
            continue
    raise Retryable(f"{what}: changed by other processes {attempts} times in a row")

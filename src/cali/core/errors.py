"""The errors that CALI raises on purpose.

    CaliError
    +-- Misconfigured    a person must change an option, a setting or a file; exit code 2
    +-- Poison           input that can never be read; it is quarantined and counted
    +-- Retryable        a dependency failed; the same call may succeed later
        +-- Conflict     another process wrote first; read again and change that

A message is one line: what is wrong, where, and what to do.
"""

from __future__ import annotations


class CaliError(Exception):
    """Base class of the errors."""


class Misconfigured(CaliError):
    """An option, a setting or a file that is invalid."""


class Poison(CaliError):
    """Input that stays unreadable however often it is read."""


class Retryable(CaliError):
    """A failed dependency. A later call may succeed. `after` is the number of seconds that the dependency asked to
    wait, if any."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Conflict(Retryable):
    """A rejected write: the value has changed since it was read."""

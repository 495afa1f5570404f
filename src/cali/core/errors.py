"""Every error that CALI raises on purpose.

    CaliError
    +-- Misconfigured    the person must change something: an option, a setting, a file    exit code 2
    +-- Poison           this input can never be read; it is quarantined and counted
    +-- Retryable        a dependency failed; the same call may succeed later
        +-- Conflict     somebody else was faster; read again and apply again

A message is one line that says what is wrong and where.
"""

from __future__ import annotations


class CaliError(Exception):
    """The root of the tree."""


class Misconfigured(CaliError):
    """An option, a setting or a file that cannot be used as it is."""


class Poison(CaliError):
    """Input that no retry will make readable."""


class Retryable(CaliError):
    """A dependency did not answer as it should have; trying later may help. `after` is how many seconds it asked us
    to wait, if it said."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Conflict(Retryable):
    """What was read has changed since, so it was not written."""

"""What structure says about how bad a line is: level words, level numbers, statuses. Never the words of a message."""

from __future__ import annotations

from cali.core.models import Severity

_WORDS = {
    Severity.TRACE: "trace trc trce finest finer all silly t spam",
    Severity.DEBUG: "debug dbg dbug fine config verbose vrb vbs d",
    Severity.INFO: "info inf information informational i log normal http ok success default",
    Severity.NOTICE: "notice note n",
    Severity.WARNING: "warning warn wrn w",
    Severity.ERROR: "error err e severe fail failed failure",
    Severity.CRITICAL: "critical crit crt fatal ftl f panic dpanic emerg emergency alert c",
}
_LEVELS = {word: severity for severity, words in _WORDS.items() for word in words.split()}
_SYSLOG = (
    Severity.CRITICAL,
    Severity.CRITICAL,
    Severity.CRITICAL,
    Severity.ERROR,
    Severity.WARNING,
    Severity.NOTICE,
    Severity.INFO,
    Severity.DEBUG,
)


def parse_level(word: str) -> Severity | None:
    """The severity that a level word names, in any case and any logger's spelling; None for any other word.

    Digits at the end (Postgres: DEBUG1 to DEBUG5) say nothing: a layout must not depend on them.
    """
    return _LEVELS.get(word) or _LEVELS.get(word.strip().lower().rstrip("0123456789"))


def from_number(level: float) -> Severity | None:
    """A numeric level: 0 to 7 as syslog and GELF count, 10 and up as bunyan and pino do; None outside both."""
    if 0 <= level <= 7:
        return _SYSLOG[int(level)]
    if not 10 <= level <= 100:
        return None
    steps = (Severity.TRACE, Severity.DEBUG, Severity.INFO, Severity.WARNING, Severity.ERROR)
    return steps[int(level) // 10 - 1] if level < 60 else Severity.CRITICAL


LEVELS: dict[str | int, Severity] = {word: _LEVELS[word] for word in _LEVELS}
"""What loggers write for a level most often, words and numbers alike: one look for what the functions here would find."""
LEVELS.update({level: found for level in range(101) if (found := from_number(level)) is not None})


def from_priority(digits: str) -> Severity | None:
    """The severity in a syslog priority (`<34>`): its remainder by eight."""
    return _SYSLOG[int(digits) % 8] if digits.isdigit() and len(digits) <= 3 else None


def from_status(digits: str) -> Severity | None:
    """An HTTP status: the server's fault is an error, the client's fault a notice, all else is news."""
    if len(digits) != 3 or not "100" <= digits <= "599":
        return None
    if digits >= "500":
        return Severity.ERROR
    return Severity.NOTICE if digits >= "400" else Severity.INFO

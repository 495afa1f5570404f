"""Examples for the model: statements with values for their parameters, a label and a weight."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

from cali_ops.train.statements import PARAMETER, RAISED, Statement, words

LABELS = {"fatal": True, "error": True, RAISED: True, "info": False, "debug": False}
# Debug statements often describe failures. The texts of exceptions are not all logged. Warnings are in neither class.
WEIGHTS = {"fatal": 1.0, "error": 1.0, RAISED: 0.3, "info": 1.0, "debug": 0.15}
_FULL = 200  # a project with more examples counts only by the root of their number
_HELD_OUT = 6  # one project in so many is for the test
_NUMBER = frozenset("diuUxXpfeEgGtc")
_ERROR = frozenset(
    [
        "err",
        "error",
        "errno",
        "errmsg",
        "ex",
        "exc",
        "exception",
        "e",
        "reason",
        "msg",
        "message",
        "cause",
        "strerror",
        "throwable",
        "failure",
    ]
)
_ERRORS = [
    "Connection refused",
    "No such file or directory",
    "Permission denied",
    "timed out",
    "connection reset by peer",
    "Broken pipe",
    "Invalid argument",
    "Input/output error",
    "unexpected EOF",
    "No space left on device",
    "Operation not permitted",
    "not found",
    "context deadline exceeded",
    "java.io.IOException: Broken pipe",
    "java.lang.NullPointerException",
    "KeyError: 'id'",
    "connection closed",
    "Resource temporarily unavailable",
    "No route to host",
    "Address already in use",
    "unknown host",
    "authentication failed",
    "access denied",
    "out of range",
]
# Names with a trouble word that stand in healthy lines, too.
_NAMES = [
    "liberror-perl",
    "python3-retrying",
    "libwarnings-perl",
    "timeout-decorator",
    "error-prone-annotations",
    "failsafe",
    "panic-handler",
    "node-errors",
    "ErrorHandler",
    "errorPageFilter",
    "on_error",
    "/error/log",
    "crash-reporter",
    "exception_mapper",
    "TimeoutPolicy",
    "FailoverProxy",
    "active",
    "running",
    "ready",
    "true",
    "eth0",
    "admin",
    "worker",
]
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{2,}")


class Example(NamedTuple):
    """A message with its label. `held_out` examples belong to projects that training does not see."""

    project: str
    level: str
    message: str
    bad: bool
    weight: float
    held_out: bool


def examples(statements: Iterable[Statement]) -> list[Example]:
    """Return the examples of statements, in a fixed order. A text that two projects share counts once for each."""
    used = sorted({statement for statement in statements if statement.level in LABELS})
    counts = Counter(statement.project for statement in used)
    return [
        Example(
            statement.project,
            statement.level,
            filled(statement.text),
            LABELS[statement.level],
            WEIGHTS[statement.level] * (_FULL / max(_FULL, counts[statement.project])) ** 0.5,
            held_out(statement.project),
        )
        for statement in used
    ]


def held_out(project: str) -> bool:
    """Return True if a project is for the test."""
    return crc32(project.lower().encode()) % _HELD_OUT == 0


def filled(text: str) -> str:
    """Return the text of a statement with a value for each parameter, chosen by a hash of the text."""
    seed = crc32(text.encode("utf-8", "surrogatepass"))
    place = 0

    def value(found: re.Match[str]) -> str:
        nonlocal place
        place += 1
        return _value(found[1], crc32(b"%d" % place, seed))

    return PARAMETER.sub(value, text)


def _value(hint: str, chance: int) -> str:
    name, _, verb = hint.rpartition(":")
    if verb in _NUMBER and verb:
        return "<*>"
    if verb == "m" or not _ERROR.isdisjoint(words(name)):
        return _ERRORS[chance % len(_ERRORS)]
    if chance % 5 < 3:
        return "<*>"
    if chance % 5 == 3:
        return _NAMES[chance // 5 % len(_NAMES)]
    return next(iter(_IDENTIFIER.findall(name)), "<*>")

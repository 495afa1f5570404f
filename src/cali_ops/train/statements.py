"""A logging statement: its level, and its text with the parameters marked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

OPEN, CLOSE = "\x01", "\x02"  # a parameter is OPEN hint:verb CLOSE
PARAMETER = re.compile(f"{OPEN}([^{CLOSE}]*){CLOSE}")
RAISED = "raised"  # the level of a text that an exception carries
LEVELS = {
    **dict.fromkeys(("emerg", "emergency", "alert", "crit", "critical", "fatal", "panic"), "fatal"),
    **dict.fromkeys(("severe", "error", "err", "errors", "exception"), "error"),
    **dict.fromkeys(("warn", "warning", "warnings"), "warn"),
    **dict.fromkeys(("info", "inf", "notice", "notif", "information", "logit"), "info"),
    **dict.fromkeys(("debug", "dbg", "verbose", "trace", "fine", "finer", "finest", "config"), "debug"),
}
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_SAYS_NOTHING = frozenset(
    [
        "self",
        "this",
        "str",
        "len",
        "int",
        "String",
        "fmt",
        "get",
        "toString",
        "c_str",
        "repr",
        "cls",
        "type",
        "name",
    ]
)
_PERCENT = re.compile(
    r"%(?:\((\w+)\))?[-#0 +']*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|L|q|j|z|t|I64|I32)?([A-Za-z%]|\{[^}]*\})"
)
_BRACES = re.compile(r"\{(\w*)(?:[.\[!:][^{}]*)?\}")
_TILDE = re.compile(r"~-?\d*(?:\.\d*)?(?:\.\w)?t?([A-Za-z~#+])")
_SUFFIX = re.compile(r"(?:f|w|s|ln)$")  # Errorf, Infow, InfoS, Println
_WORDS = re.compile(r"[A-Za-z]{2,}")
_SHORTEST, _LONGEST = 4, 400


class Statement(NamedTuple):
    """A distinct logging statement of a project. `level` is one of the values of LEVELS, or RAISED."""

    project: str
    level: str
    text: str


def words(name: str) -> list[str]:
    """Return the words of an identifier in lower case."""
    return [part.lower() for part in _PART.findall(name)]


def level_in(name: str) -> str | None:
    """Return the level that the name of a logging call contains."""
    for word in words(name):
        level = LEVELS.get(word) or LEVELS.get(_SUFFIX.sub("", word))
        if level:
            return level
    return None


def parameter(expression: str, verb: str = "") -> str:
    """Return a marked parameter. Its hint is the last identifiers of the expression."""
    names = [name for name in _IDENTIFIER.findall(expression) if name not in _SAYS_NOTHING]
    return f"{OPEN}{' '.join(names[-3:])[:40]}:{verb}{CLOSE}"


def percent(text: str, arguments: Iterable[str]) -> str:
    """Mark the parameters of a format as C, Python and Go write it."""
    rest = iter(arguments)

    def mark(found: re.Match[str]) -> str:
        name, verb = found.groups()
        if verb == "%":
            return "%"
        if verb == "m":  # syslog's text of errno
            return parameter("errno", "m")
        return parameter(name or next(rest, ""), verb[0])

    return _PERCENT.sub(mark, text)


def braces(text: str, arguments: Iterable[str]) -> str:
    """Mark the parameters of a format with braces: Java, Python, Rust."""
    given = list(arguments)
    rest = iter(given)

    def mark(found: re.Match[str]) -> str:
        name = found[1]
        if name.isdigit():
            return parameter(given[int(name)] if int(name) < len(given) else "")
        return parameter(name or next(rest, ""))

    return _BRACES.sub(mark, text)


def tilde(text: str, arguments: Iterable[str]) -> str:
    """Mark the parameters of a format as Erlang writes it."""
    rest = iter(arguments)

    def mark(found: re.Match[str]) -> str:
        plain = {"~": "~", "n": "\n"}.get(found[1])
        return parameter(next(rest, ""), found[1]) if plain is None else plain

    return _TILDE.sub(mark, text)


def tidy(text: str) -> str | None:
    """Return a text on one line, or None if it is too short, too long or has no word."""
    line = " ".join(text.split())
    usable = _SHORTEST <= len(line) < _LONGEST and _WORDS.search(PARAMETER.sub("", line))
    return line if usable else None

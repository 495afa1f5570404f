"""Required literals of a pattern, for a fast check before the pattern is compiled.

Parsing a thousand patterns takes 0.1 s, so the result is cached with the parsed knowledge (`knowledge.py`).
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, NamedTuple

SHORTEST = 2  # a shorter literal filters nothing


class Needs(NamedTuple):
    """The literals that a pattern needs.

    Every matching text contains one of the lower-case literals in `anyof`, or `anyof` is empty. `weight` is the number of
    literal characters in every match.
    """

    anyof: tuple[str, ...]
    weight: int


NOTHING = Needs((), 0)


def needs(pattern: str) -> Needs:
    """Return the literals that every case-insensitive match of `pattern` needs. The result is conservative."""
    try:
        parser: Any = import_module("re._parser")
        tree = parser.parse(pattern, re.IGNORECASE | re.MULTILINE)
        return _sequence(list(tree))
    except (ImportError, AttributeError, re.error, RecursionError, ValueError, OverflowError):
        return NOTHING  # a Python with another regex parser: slower but correct


def _sequence(items: list[Any]) -> Needs:
    """Return the best requirement among the parts of a sequence, with the sum of their weights."""
    best, weight, run = NOTHING, 0, ""
    for op, value in [*items, ("END", None)]:
        kind = str(op)
        if kind == "LITERAL" and _folds_alone(value):
            run += chr(value).lower()
            continue
        best, weight, run = _better(best, _text(run)), weight + len(run), ""
        part = _part(kind, value)
        best, weight = _better(best, part), weight + part.weight
    return Needs(best.anyof, weight)


def _part(kind: str, value: Any) -> Needs:
    if kind == "SUBPATTERN":
        return _sequence(list(value[3]))
    if kind == "ATOMIC_GROUP":
        return _sequence(list(value))
    if kind == "BRANCH":
        return _branches([_sequence(list(branch)) for branch in value[1]])
    if kind in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        least, _, body = value
        return _sequence(list(body)) if least else NOTHING
    return NOTHING  # sets, classes, anchors, look-arounds, back references


def _branches(branches: list[Needs]) -> Needs:
    weight = min(branch.weight for branch in branches)
    if not all(branch.anyof for branch in branches):
        return Needs((), weight)
    return Needs(tuple(sorted({text for branch in branches for text in branch.anyof})), weight)


def _text(run: str) -> Needs:
    return Needs((run,), len(run)) if len(run) >= SHORTEST else NOTHING


def _better(one: Needs, other: Needs) -> Needs:
    return other if _worth(other) > _worth(one) else one


def _worth(found: Needs) -> tuple[int, int]:
    return (min((len(text) for text in found.anyof), default=0), -len(found.anyof))


def _folds_alone(code: int) -> bool:
    """Return True for ASCII. Case-insensitive matching maps a few letters outside ASCII to other letters."""
    return code < 128

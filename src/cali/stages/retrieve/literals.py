"""What a pattern cannot match without: the literal text that a cheap test looks for before a pattern is compiled.

Reading a thousand patterns costs 0.1 s, so the result is kept with the parsed knowledge (`knowledge.py`).
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, NamedTuple

SHORTEST = 2  # a shorter literal filters nothing


class Needs(NamedTuple):
    """`anyof`: one of these lower-case literals is in every text the pattern matches; empty: nothing is known.
    `weight`: how many literal characters every match holds."""

    anyof: tuple[str, ...]
    weight: int


NOTHING = Needs((), 0)


def needs(pattern: str) -> Needs:
    """What every text that `pattern` matches, whatever its case, must hold. Knows less rather than says more."""
    try:
        parser: Any = import_module("re._parser")
        tree = parser.parse(pattern, re.IGNORECASE | re.MULTILINE)
        return _sequence(list(tree))
    except (ImportError, AttributeError, re.error, RecursionError, ValueError, OverflowError):
        return NOTHING  # a Python whose parser looks different: slower, still right


def _sequence(items: list[Any]) -> Needs:
    """The best of what the parts of a sequence need; their weights add up."""
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
    """Case-insensitive matching also lets a few letters outside ASCII stand for others; only ASCII is sure."""
    return code < 128

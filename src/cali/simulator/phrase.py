"""Phrases: literal text with values in braces, compiled once and rendered millions of times.

    {user}       a fresh value of that name (values.py)
    {user:a}     the same value for every {user:a} in the phrase
    {GET|PUT}    one of these; repeat one to choose it twice as often
    {1..900}     a whole number in that range
    {1..900~}    the same, mostly small, like durations and sizes

Other text in braces is literal, so JSON needs no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random

from cali.core.errors import Misconfigured

Draw = Callable[[], str | int]
Speak = Callable[[], str]

_POD_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # the alphabet of Kubernetes' generated names
_SLOT = re.compile(
    r"\{(?:(?P<name>[a-z][a-z0-9_]*(?::[a-z0-9]+)?)|(?P<low>\d+)\.\.(?P<high>\d+)(?P<skew>~?)|(?P<any>[^{}\"|]*(?:\|[^{}\"|]*)+))\}"
)


def suffix(rng: Random, length: int) -> str:
    """Return a random part of a name, in the alphabet of Kubernetes."""
    return "".join(rng.choices(_POD_LETTERS, k=length))


def compile_phrase(text: str, values: Mapping[str, Draw], rng: Random) -> Speak:
    """Return a function that renders the phrase with new values. Raise Misconfigured for an unknown value."""
    parts: list[str] = []
    slots: list[tuple[str, Draw]] = []
    last = 0
    for match in _SLOT.finditer(text):
        parts.append(text[last : match.start()].replace("%", "%%"))
        slots.append((match["name"] or "", _draw(match, values, rng)))
        last = match.end()
    parts.append(text[last:].replace("%", "%%"))
    frame = "%s".join(parts)
    draws = tuple(draw for _, draw in slots)
    tags = [name for name, _ in slots if ":" in name]
    if len(tags) != len(set(tags)):
        return _with_repeats(frame, [name if ":" in name else "" for name, _ in slots], draws)
    if not draws:
        literal = frame % ()
        return lambda: literal
    if len(draws) == 1:
        (only,) = draws
        return lambda: frame % only()
    return lambda: frame % tuple([draw() for draw in draws])


def _with_repeats(frame: str, tags: list[str], draws: tuple[Draw, ...]) -> Speak:
    first = {tag: tags.index(tag) for tag in tags if tag}
    source = [first.get(tag, index) for index, tag in enumerate(tags)]

    def speak() -> str:
        drawn: list[str | int] = []
        for index, origin in enumerate(source):
            drawn.append(draws[index]() if origin == index else drawn[origin])
        return frame % tuple(drawn)

    return speak


def _draw(match: re.Match[str], values: Mapping[str, Draw], rng: Random) -> Draw:
    random = rng.random
    if match["name"]:
        name = match["name"].partition(":")[0]
        if name not in values:
            raise Misconfigured(f"phrase has the unknown value {{{name}}}: {match.string[:80]!r}")
        return values[name]
    if match["low"]:
        low, span = int(match["low"]), int(match["high"]) - int(match["low"]) + 1
        if span < 1:
            raise Misconfigured(f"phrase has the empty range {match[0]}: {match.string[:80]!r}")
        if match["skew"]:
            return lambda: low + int(random() ** 3 * span)
        return lambda: low + int(random() * span)
    choices = match["any"].split("|")
    count = len(choices)
    return lambda: choices[int(random() * count)]

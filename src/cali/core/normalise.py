"""Lines that differ only in digits and in hexadecimal ids, made the same line.

What the rules say of such a line they say of every line that becomes it, so it is worked out once and remembered.
Every character keeps its place: spans found in the result hold in the line itself.
"""

from __future__ import annotations

import re

ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
"""Makes a line digit-blind: `raw.translate(ZEROS)`."""

ID_CHARACTERS = frozenset("0abcdef")
"""What an id in a digit-blind line is made of, its dashes aside."""

_HEX_TO_A = bytes.maketrans(b"bcdef", b"a" * 5)
_ZERO = ord("0")
_UUID = b"a0000000-a000-a000-a000-a00000000000"
# An escape (%0d, \0a) is no part of an id.
_id_at = re.compile(
    rb"(?<![A-Za-z0-9%\\])[0a-f]{6}(?:[0a-f]{2}(?P<uuid>-[0a-f]{4}-[0a-f]{4}-[0a-f]{4}-[0a-f]{12})|[0a-f]*+)(?![A-Za-z0-9])"
).match
_run_at = re.compile(rb"[0a-f]*+").match


def ids_alike(blind: bytes) -> bytes:
    """A digit-blind line with its ids made alike: UUIDs, and runs of six or more hexadecimal digits and letters.

    A run keeps its length and whether it begins with a letter, as names do. Upper case is left as it is.
    """
    found = ids_in(blind)
    if not found:
        return blind
    made, done = b"", 0  # what is written, and how much of the line it stands for
    for match in found:
        start, end = match.span()
        if match.lastindex:
            form = _UUID
        else:
            form = (b"0a" if blind[start] == _ZERO else b"a0") + b"0" * (end - start - 2)
        made += blind[done:start] + form
        done = end
    return made + blind[done:]


def ids_in(blind: bytes) -> list[re.Match[bytes]]:
    """The ids in a digit-blind line, in order."""
    # An id, or a UUID's beginning, has a letter beside a digit. To look for such borders first, and for ids only around
    # them, takes half the time of a search with one expression, and spares most lines the expression.
    letters = blind.translate(_HEX_TO_A)
    found: list[re.Match[bytes]] = []
    at, done = _border(letters, 0), 0
    while at >= 0:
        match = _id_at(blind, done + len(letters[done:at].rstrip(b"0a")))
        if match is None:
            at = _border(letters, _run_at(blind, at).end())  # type: ignore[union-attr]  # it fits anywhere
        else:
            found.append(match)
            done = match.end()
            at = _border(letters, done)
    return found


def _border(letters: bytes, at: int) -> int:
    """Where the next digit and letter stand side by side; -1 if they do nowhere."""
    one, other = letters.find(b"0a", at), letters.find(b"a0", at)
    return one if other < 0 or 0 <= one < other else other

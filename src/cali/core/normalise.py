"""Text normalisation: clean text from bytes, and one form for lines that differ only in digits and hexadecimal ids.

A rule gives the same result for all lines with the same normalised line, so the result is cached by it. Normalisation keeps
the position of every character: a span in the normalised line is valid in the original line.
"""

from __future__ import annotations

import re

ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
"""Translation table that makes a line digit-blind: `raw.translate(ZEROS)`."""

ID_CHARACTERS = frozenset("0abcdef")
"""Characters of an id in a digit-blind line, besides dashes."""

_HEX_TO_A = bytes.maketrans(b"bcdef", b"a" * 5)
_ZERO = ord("0")
_UUID = b"a0000000-a000-a000-a000-a00000000000"
# An escape (%0d, \0a) is not part of an id.
_id_at = re.compile(
    rb"(?<![A-Za-z0-9%\\])[0a-f]{6}(?:[0a-f]{2}(?P<uuid>-[0a-f]{4}-[0a-f]{4}-[0a-f]{4}-[0a-f]{12})|[0a-f]*+)(?![A-Za-z0-9])"
).match
_run_at = re.compile(rb"[0a-f]*+").match
# Colours and cursor moves, titles, and two-character escapes, as terminals know them.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
_GARBAGE = 0.3  # a line with a larger share of other bytes is not text


def normalise_ids(blind: bytes) -> bytes:
    """Normalise the ids in a digit-blind line: UUIDs, and runs of six or more hexadecimal digits and letters.

    A run keeps its length and whether it begins with a letter, as names do. Upper case stays.
    """
    found = find_ids(blind)
    if not found:
        return blind
    made, position = b"", 0  # the output, and the number of input bytes that it covers
    for match in found:
        start, end = match.span()
        if match.lastindex:
            replacement = _UUID
        else:
            replacement = (b"0a" if blind[start] == _ZERO else b"a0") + b"0" * (end - start - 2)
        made += blind[position:start] + replacement
        position = end
    return made + blind[position:]


def find_ids(blind: bytes) -> list[re.Match[bytes]]:
    """Return the ids in a digit-blind line, in order."""
    # Every id has a letter next to a digit. Searching for such borders first, and for ids only around them, takes half
    # the time of a search with one expression. Most lines have no border.
    letters = blind.translate(_HEX_TO_A)
    found: list[re.Match[bytes]] = []
    at, position = _border(letters, 0), 0
    while at >= 0:
        match = _id_at(blind, position + len(letters[position:at].rstrip(b"0a")))
        if match is None:
            at = _border(letters, _run_at(blind, at).end())  # type: ignore[union-attr]  # it matches anywhere
        else:
            found.append(match)
            position = match.end()
            at = _border(letters, position)
    return found


def _border(letters: bytes, at: int) -> int:
    """Return the next place where a digit and a letter are neighbours; -1 if there is none."""
    one, other = letters.find(b"0a", at), letters.find(b"a0", at)
    return one if other < 0 or 0 <= one < other else other


def clean(text: str) -> str:
    """Remove terminal sequences and control characters from a text; tabs and line feeds stay."""
    if text.isprintable() or not _CONTROL.search(text):  # the first test costs a third of the second
        return text
    return _CONTROL.sub("", _ANSI.sub("", text))


def text_of(raw: bytes) -> str | None:
    """Return the clean text of a line, or None if too much of it is not text. Undecodable bytes become U+FFFD.

    NULs at the ends do not count: a log that is truncated while open starts with them.
    """
    raw = raw.strip(b"\x00")
    try:
        text, broken = raw.decode(), 0
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
        broken = text.count("\ufffd")
    if (text.isprintable() and not broken) or not _CONTROL.search(text):
        return None if broken > _GARBAGE * len(text) else text
    plain = _ANSI.sub("", text)
    broken += len(_CONTROL.findall(plain.rstrip("\r")))
    if broken > _GARBAGE * len(plain) and broken > 1:
        return None
    return _CONTROL.sub("", plain)

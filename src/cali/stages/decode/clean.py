"""Bytes to text: what a terminal or a broken pipe put into a line is taken out, and what is no text is told apart."""

from __future__ import annotations

import re

# Colours and cursor moves, titles, and two-character escapes, as terminals know them.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
_GARBAGE = 0.3  # a line of which more is no text was never one


def clean(text: str) -> str:
    """The text without terminal sequences and control characters; tabs and line feeds stay."""
    if text.isprintable() or not _CONTROL.search(text):  # the first is a third of the second's cost
        return text
    return _CONTROL.sub("", _ANSI.sub("", text))


def text_of(raw: bytes) -> str | None:
    """The clean text of a line, or None when too much of it is no text. Undecodable bytes become U+FFFD.

    NULs at the ends are no evidence against a line: a log that is truncated while open starts with them.
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

"""Log text that does nothing: what would move a cursor, colour a terminal, hide or turn text round becomes readable."""

from __future__ import annotations

import re

# Controls, soft hyphen, marks of direction, invisible spaces and joiners, line separators, halves of surrogate pairs,
# private use, tags. A zero-width joiner and variation selectors stay: emoji are made with them and they hide nothing.
_UNSEEN = (
    "\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e007f\U000f0000-\U0010ffff"
)
ACTIVE = re.compile(f"[{_UNSEEN}]")  # all but the controls of ASCII, which JSON escapes by itself
_SILENT = re.compile(f"[\x00-\x1f{_UNSEEN}]")
_SHORT = {"\n": "\\n", "\r": "\\r"}


def visible(text: str) -> str:
    """The text on one line, every character that is not seen written as an escape such as \\x1b or \\u202e."""
    return _SILENT.sub(_escape, text.replace("\t", "    "))


def visible_lines(text: str) -> list[str]:
    """The lines of a text, each made visible."""
    return [visible(line) for line in text.split("\n")]


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

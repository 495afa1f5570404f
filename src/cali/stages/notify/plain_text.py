"""Plain text for messages: cut to a limit, with a note of the omitted lines, and without invisible characters."""

from __future__ import annotations

import re

from cali.stages.notify.words import Words

# Controls except tab and line feed, direction marks, invisible spaces, half surrogate pairs, private use, tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e007f\U000f0000-\U0010ffff]"
)


def tidy(text: str) -> str:
    """Remove characters that are invisible or that reorder visible text."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n"))


def one_line(text: str, longest: int) -> str:
    """Return the text on one line, cut to `longest` characters."""
    return cut(" ".join(tidy(text).split()), longest)


def cut(text: str, longest: int) -> str:
    """Cut a text to `longest` characters, including the ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def middle(text: str, longest: int, say: Words) -> str:
    """Cut a text to `longest` characters: the first and the last lines, with the number of omitted lines between."""
    if len(text) <= longest:
        return text
    lines = text.split("\n")
    if len(lines) < 3:
        note = f" … [{say('left_out', count=f'{len(text) - longest + 30:,}')}]"
        return text[: max(0, longest - len(note))] + note
    note = _between(len(lines), say)
    room = longest - len(note) - 2
    head = _fitting(lines, room * 2 // 3)
    tail = _fitting(lines[:head:-1], room - sum(len(line) + 1 for line in lines[:head]))
    if not head:
        return cut(lines[0], longest)
    kept = [*lines[:head], _between(len(lines) - head - tail, say)]
    return "\n".join(kept + (lines[-tail:] if tail else []))


def _between(lines: int, say: Words) -> str:
    return f"… [{say('left_out_lines', count=f'{lines:,}')}] …"


def _fitting(lines: list[str], room: int) -> int:
    """Return how many leading lines fit into `room` characters."""
    for place, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            return place
    return len(lines)

"""The numbered lines of an incident: redacted again, cut, and ranked by how informative they are.

Incident, context --own_lines, lines_around--> NumberedLine ... --telling--> lines to quote
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from cali.core.models import Evidence, Severity
from cali.core.normalise import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cali.core.models import Event, Incident

    Redact = Callable[[str], str]

LONGEST = 600  # maximum characters of a quoted line
SAMPLES = 3  # maximum events per incident
QUOTED = 5  # maximum lines of evidence

HEAD = re.compile(
    r"\s*(?:\| )?(?:Caused by: |Suppressed: |---> |panic: |fatal error: |Uncaught |Unhandled )"
    r"|\s*(?:[A-Za-z_][\w$]*[.:]{1,2})*[A-Z][\w$]*(?:Exception|Error|Failure|Fault|Exit|Interrupt)\b"
    r"|(?:DETAIL|HINT):\s"
)
WORDS = re.compile(
    r"error|fail|fatal|panic|denied|refused|timed? ?out|cannot|unable|could not|no such|not found|killed|exceed|invalid"
    r"|unreachable|expired|exhaust|abort|reject|missing|unavailable|forbidden|too many|crash|\boom\b|exit code",
    re.I,
)
FRAME = re.compile(
    r"""\s+at \S|\s*File ".*", line \d|\s+\S+\.go:\d+|\s*goroutine \d|\s*\.{3} \d+ more|\s*\^+\s*$|\s*from \S+:\d+"""
)
HIDDEN = re.compile(
    "[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)  # invisible characters and direction marks
BREAKS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")


class NumberedLine(NamedTuple):
    """A line of an event. `own` is true for a line of the incident itself, false for its context."""

    number: int
    text: str
    own: bool
    worth: float


def own_lines(incident: Incident, redact: Redact) -> list[NumberedLine]:
    """Return the distinct lines of the incident's samples, first sample first."""
    found: dict[str, NumberedLine] = {}
    for sample in incident.samples[:SAMPLES]:
        for line in numbered(sample, redact, own=True):
            found.setdefault(line.text, line)
    return list(found.values())


def lines_around(context: Iterable[Event], incident: Incident, redact: Redact) -> list[NumberedLine]:
    """Return the lines of neighbouring events that do not belong to the incident."""
    mine = {number for sample in incident.samples for number in sample.lines}
    return [
        line
        for event in context
        if event.template.id != incident.template.id
        for line in numbered(event, redact, own=False)
        if line.number not in mine
    ]


def numbered(event: Event, redact: Redact, *, own: bool) -> list[NumberedLine]:
    """Return the non-blank lines of an event, with their numbers in the input.

    One JSON line can hold a whole trace, and the runtime can cut a line into several. The numbers are then interpolated.
    """
    texts = redact(event.message).split("\n")
    last = len(texts) - 1
    numbers = event.lines
    found: list[NumberedLine] = []
    for place, raw in enumerate(texts):
        text = printable(raw)
        if not text.strip():
            continue
        if len(numbers) == 1 or last == 0:
            number = numbers[0]
        elif len(numbers) == last + 1:
            number = numbers[place]
        else:
            number = numbers[round(place * (len(numbers) - 1) / last)]
        worth = _worth(text, place, last, event, own)
        found.append(NumberedLine(number, redact(text), own, worth))
    return found


def printable(text: str) -> str:
    """Return the text on one line, without control characters, terminal sequences, and invisible or direction marks."""
    return HIDDEN.sub("", clean(BREAKS.sub(" ", text))).rstrip()


def window(text: str, at: int = 0, size: int = LONGEST) -> str:
    """Return the part of a long text around a place, without additions."""
    if len(text) <= size:
        return text
    start = max(0, min(at - size // 3, len(text) - size))
    return text[start : start + size]


def telling(lines: Sequence[NumberedLine], limit: int = QUOTED) -> tuple[Evidence, ...]:
    """Return the most informative lines, in log order."""
    best = sorted(range(len(lines)), key=lambda i: (-lines[i].worth, i))[:limit]
    worthy = [i for i in best if lines[i].worth >= 2] or best[:1]
    return quoted(lines[i] for i in sorted(worthy))


def quoted(lines: Iterable[NumberedLine]) -> tuple[Evidence, ...]:
    """Return distinct lines as evidence, each cut around its most informative word."""
    found = dict.fromkeys(Evidence(line.number, window(line.text, _tells_at(line.text))) for line in lines)
    return tuple(found)


def _tells_at(text: str) -> int:
    match = WORDS.search(text) if len(text) > LONGEST else None
    return match.start() if match else 0


def _worth(text: str, place: int, last: int, event: Event, own: bool) -> float:
    worth = 0.0
    if HEAD.match(text):
        worth += 4
    if WORDS.search(text):
        worth += 2
    if FRAME.match(text):
        worth = 0.2
    if own:
        worth += 3 if place == 0 else 1 if place == last else 0.5
    elif event.severity >= Severity.WARNING:
        worth += 1
    return worth

"""The start and the stop of a server, as sequences: which lines belong to an orderly one and are no failure.

A stop that was asked for ends connections and workers. A start gives cautions about what may happen. Both count as
failures only outside their phase: "terminating connection due to administrator command" in the midst of normal
running still opens an incident.
"""

from __future__ import annotations

import re
from enum import IntEnum

from cali.core.models import Event, Scope

SECONDS = 60.0  # length of a phase
LINES = 200  # the same for lines without a time


class Part(IntEnum):
    """The part of a line in the start or the stop of a server."""

    NONE = 0
    STARTS = 1  # begins a start
    STOPS = 2  # begins a stop
    CAUTION = 3  # warns of what may happen; harmless during a start
    ENDED = 4  # something that a stop ended; harmless during a stop


_STARTS = re.compile(
    r"(?i)\bis starting\b|^\W*starting\b|\bserver (?:initiali[sz]ed|starting)\b|\brunning mode=|\bbooting\b|\bstarting up\b"
)
_STOPS = re.compile(
    r"(?i)received (?:fast |smart |immediate )?shut ?down request|(?:received|handling|caught|got) (?:signal:? ?)?(?:SIG)?(?:TERM|INT)\b"
    r"|user requested shutdown|scheduling shutdown|^\W*exiting (?:master|main) process|gracefully shutting down"
    r"|^\W*(?:shutting down|stopping) (?:server|gracefully|worker|master|all)"
)
_CAUTION = re.compile(r"\b(?:may|might|could) (?:fail|cause|lead|result|lose|not work|be slow)\b")
_ENDED = re.compile(
    r"(?i)terminating (?:\w+ ){0,4}due to administrator command"
    r"|exit(?:ed|s)? (?:with )?(?:code|status):? ?(?:=|is)? ?(?:143|130|0*15)\b|\bexited on signal (?:2|15)\b"
    r"|terminated by signal (?:2|15)\b|the database system is shutting down"
)


def part_of(message: str) -> Part:
    """Return the part of a line. The answer is the same for all lines of a template."""
    if _ENDED.search(message):
        return Part.ENDED
    if _STOPS.search(message):
        return Part.STOPS
    if _STARTS.search(message):
        return Part.STARTS
    return Part.CAUTION if _CAUTION.search(message) else Part.NONE


class Phases:
    """The latest start and stop of each scope."""

    def __init__(self) -> None:
        self._latest: dict[tuple[Scope, Part], tuple[float | None, int]] = {}

    def begin(self, event: Event, part: Part) -> None:
        """Note that a start or a stop began. A start ends a stop."""
        self._latest[event.scope, part] = (event.time, event.lines[0])
        if part is Part.STARTS:
            self._latest.pop((event.scope, Part.STOPS), None)

    def covers(self, event: Event, part: Part) -> bool:
        """Return whether a caution or an end belongs to a start or a stop of its scope."""
        begun = self._latest.get((event.scope, Part.STARTS if part is Part.CAUTION else Part.STOPS))
        if begun is None:
            return False
        time, line = begun
        if time is not None and event.time is not None:
            return 0 <= event.time - time <= SECONDS
        return 0 <= event.lines[0] - line <= LINES

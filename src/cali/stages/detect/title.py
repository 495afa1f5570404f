"""The line by which people know an incident."""

from __future__ import annotations

from cali.core.models import Event, Severity
from cali.stages.join import gist
from cali.stages.refine.severity import by_words

LONGEST = 100  # characters
_BELOW = ("[signal ", "goroutine ")  # what Go prints under the line that says what happened


def title(event: Event) -> str:
    """The most telling line of an event, on one line and cut: of a stack trace the exception, not its frames."""
    message = event.message
    told = gist(message)
    if "\n" in told:
        lines = [line for line in told.split("\n") if line.strip() and not line.startswith(_BELOW)]
        line = lines[-1] if lines else told
        if lines and lines[0].startswith(("panic: ", "fatal error: ")):
            line = lines[0]
    elif "\n" in message and told not in message:  # several lines, no trace
        line = _worst_line(message) or told
    else:
        line = told
    return cut(" ".join(line.split()) or event.template.text, LONGEST)


def cut(text: str, longest: int) -> str:
    """At most `longest` characters, cut between words if there is a space near the end."""
    if len(text) <= longest:
        return text
    head = text[: longest - 1]
    space = head.rfind(" ", longest * 2 // 3)
    return (head[:space] if space > 0 else head).rstrip(" ,;:-") + "…"


def _worst_line(message: str) -> str | None:
    found, worst = None, Severity.INFO
    for line in message.split("\n", 50)[:50]:
        severity = by_words(line)
        if severity is not None and severity > worst:
            found, worst = line, severity
    return found

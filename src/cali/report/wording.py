"""The words both reports share: when, where, how long, how sure. All plain text, nothing escaped yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from cali.core.models import NOWHERE, Diagnosis, Incident, Origin, Scope
from cali.report.analysis import Analysis, Summary, explained, groups

_CODE = re.compile(r"`([^`\n]+)`")
_LEADS = re.compile(r"(?:^|:)\s*$")  # what comes before a command
_ENDS = re.compile(r"\s*(?:[.,;]|$)")  # what comes after it
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_SURE = ((0.85, "high"), (0.70, "good"), (0.50, "fair"), (0.0, "low"))
CLOSEST = "Closest, and not close enough"
TEACH = "Once you know the cause, teach it"
TEACHING = "cali kb add FILE.yaml"


class StepPartKind(Enum):
    """What a piece of a fix step is."""

    SAID = "said"
    NAME = "name"
    COMMAND = "command"


class Occurrence(NamedTuple):
    """When an incident was seen: `span` is empty when the log has no times."""

    often: str
    span: str
    lasting: str


def verdict(analysis: Analysis) -> str:
    """The whole answer in one line. What followed from an explained incident is a consequence, not an unknown."""
    lines = f"{number(analysis.summary.lines, 'line')}"
    incidents = analysis.incidents
    if not incidents:
        return f"No incidents in {lines}."
    known = sum(map(explained, incidents))
    caused = sum(
        not explained(follower)
        for group in groups(analysis)
        if explained(group.root)
        for follower in group.followers
    )
    unknown = len(incidents) - known - caused
    counts = (
        (known, f"{known:,} explained"),
        (caused, number(caused, "consequence")),
        (unknown, f"{unknown:,} unknown"),
    )
    parts = ", ".join(told for count, told in counts if count)
    worst = max(incident.severity for incident in incidents).label
    return f"{number(len(incidents), 'incident')} in {lines} ({parts}), worst: {worst}"


def number(count: int, word: str) -> str:
    """`1 line`, `2,000 lines`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def place(scope: Scope) -> str:
    """The known parts of a scope, outermost first; the container only when it says more than the workload."""
    if scope == NOWHERE:
        return ""
    parts = [scope.cluster, scope.namespace, scope.workload]
    if scope.container != scope.workload:
        parts.append(scope.container)
    return "/".join(part for part in parts if part)


def occurrence(incident: Incident) -> Occurrence:
    """How often, when, and for how long."""
    often = "once" if incident.count == 1 else f"{incident.count:,} times"
    first, last = moment(incident.first_seen), moment(incident.last_seen)
    if first is None or last is None or incident.first_seen is None or incident.last_seen is None:
        return Occurrence(often, "", "")
    lasting = duration(incident.last_seen - incident.first_seen) if incident.count > 1 else ""
    return Occurrence(often, span(incident.first_seen, incident.last_seen), lasting)


def span(first: float | None, last: float | None) -> str:
    """`2026-11-20 02:31:07 to 02:42:18 UTC`; empty when the times are not known."""
    start, end = moment(first), moment(last)
    if start is None or end is None:
        return ""
    head = f"{start:%Y-%m-%d %H:%M:%S}"
    if (end - start).total_seconds() < 1:
        return f"{head} UTC"
    tail = f"{end:%H:%M:%S}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{head} to {tail} UTC"


def moment(seconds: float | None) -> datetime | None:
    """The time, or None when there is none or no calendar holds it."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def duration(seconds: float) -> str:
    """`480 ms`, `42 s`, `11 min 4 s`, `3 h 12 min`, `2 d 4 h`."""
    if seconds < 1:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    whole = round(seconds)
    for unit, size, small, rest in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            left = whole % size // rest
            return f"{whole // size} {unit}" + (f" {left} {small}" if left else "")
    return f"{whole} s"


def sureness(diagnosis: Diagnosis) -> str:
    """`high (0.93)`: the order that reason's numbers make, in words."""
    word = next(word for least, word in _SURE if diagnosis.confidence >= least or least == 0.0)
    return f"{word} ({diagnosis.confidence:.2f})"


def origin(diagnosis: Diagnosis) -> str:
    """Who says so."""
    if diagnosis.origin is Origin.KNOWLEDGE:
        return f"known error {diagnosis.knowledge[0].id}" if diagnosis.knowledge else "known error"
    if diagnosis.origin is Origin.MODEL:
        name = diagnosis.versions.get("model", "")
        return f"the model's reading of these lines{f' ({name})' if name else ''}: check before you act"
    return ""


def basis(diagnosis: Diagnosis) -> str:
    """How sure, and who says so."""
    return ", ".join(part for part in (sureness(diagnosis), origin(diagnosis)) if part)


def first_sentence(text: str, longest: int = 160) -> str:
    """What a list has room for."""
    return cut(_SENTENCE.split(text.strip(), maxsplit=1)[0], longest)


def cut(text: str, longest: int) -> str:
    """The text, or its beginning and how much is left out."""
    return text if len(text) <= longest else f"{text[:longest]}… {len(text) - longest:,} more characters"


def why_unknown(diagnosis: Diagnosis | None) -> str:
    """Why there is no cause, as reason put it."""
    return diagnosis.versions.get("gate", "") if diagnosis else "it was not diagnosed"


def closest(diagnosis: Diagnosis | None, limit: int = 3) -> str:
    """The entries that came nearest without being near enough: `a (0.41), b (0.38)`."""
    hits = diagnosis.knowledge[:limit] if diagnosis else ()
    return ", ".join(f"{hit.id} ({hit.score:.2f})" for hit in hits)


class StepPart(NamedTuple):
    """A piece of a fix step. A command is something to run, and stands apart; a name is code within a sentence."""

    kind: StepPartKind
    text: str


def step(text: str) -> list[StepPart]:
    """A fix step in pieces. What stands between backticks is a command when a colon, or nothing, comes before it and its
    sentence ends with it; otherwise it is a name."""
    pieces = _CODE.split(text)
    parts: list[StepPart] = []
    for place, piece in enumerate(pieces):
        if place % 2:
            apart = _LEADS.search(pieces[place - 1]) and _ENDS.match(pieces[place + 1])
            parts.append(
                StepPart(StepPartKind.COMMAND if apart and " " in piece.strip() else StepPartKind.NAME, piece)
            )
        else:
            after = bool(parts) and parts[-1].kind is StepPartKind.COMMAND
            parts.append(StepPart(StepPartKind.SAID, piece.lstrip(" .,;") if after else piece))
    return [part for part in parts if part.text]


def reasons(summary: Summary) -> str:
    """Why lines were set aside: the reasons, each with the first line it stands for."""
    first: dict[str, int] = {}
    for line, reason in summary.quarantine:
        first.setdefault(reason, line)
    shown = [f"{reason} (line {line:,})" for reason, line in list(first.items())[:3]]
    more = len(first) - len(shown)
    return "; ".join(shown) + (f"; {number(more, 'more reason')}" if more > 0 else "")


def spent(summary: Summary) -> str:
    """What the model cost; empty when none was asked."""
    spend = summary.spend
    if spend is None or not (spend.calls or spend.cached):
        return ""
    cost = f"${spend.dollars:.4f}" if spend.priced else "cost not known"
    cached = f", {spend.cached:,} from the cache" if spend.cached else ""
    return f"{number(spend.calls, 'model call')}{cached}, {cost}"


def set_aside(summary: Summary) -> str:
    """How many lines could not be read and why; empty when all could."""
    if not summary.quarantined:
        return ""
    why = reasons(summary)
    return f"Set aside as unreadable: {number(summary.quarantined, 'line')}{f': {why}' if why else ''}"


def speed(summary: Summary) -> str:
    """`412 ms, 49,590 lines a second`; empty when nobody took the time."""
    if not summary.seconds:
        return ""
    return f"{duration(summary.seconds)}, {summary.lines / summary.seconds:,.0f} lines a second"


def versions(named: Mapping[str, str]) -> str:
    """`knowledge 2026-11-20, masks 2026-11-20`, without what is no version."""
    return ", ".join(f"{name} {value}" for name, value in sorted(named.items()) if name != "gate")

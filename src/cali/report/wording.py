"""The facts that all reports share and their wording: evidence, time, place, confidence. Not escaped for HTML.

`visible` makes log text harmless. Characters that would move a cursor, colour a terminal, or hide or reverse text become
readable escapes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from operator import attrgetter
from typing import NamedTuple

from cali.core.models import NOWHERE, Diagnosis, Evidence, Incident, Origin, Scope
from cali.usecases.analyze_files import Analysis, Summary

# Controls, soft hyphen, direction marks, invisible spaces and joiners, line separators, half surrogate pairs, private use,
# tags. The zero-width joiner and variation selectors are allowed, because emoji need them and they hide nothing.
_INVISIBLE = (
    "\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e007f\U000f0000-\U0010ffff"
)
ACTIVE = re.compile(f"[{_INVISIBLE}]")  # without ASCII controls, which JSON escapes itself
_INVISIBLE_OR_CONTROL = re.compile(f"[\x00-\x1f{_INVISIBLE}]")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r"}

_CODE = re.compile(r"`([^`\n]+)`")
_LEADS = re.compile(r"(?:^|:)\s*$")  # text before a command
_ENDS = re.compile(r"\s*(?:[.,;]|$)")  # text after a command
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_SURE = ((0.50, "fair"), (0.70, "good"), (0.85, "high"))
CLOSEST = "Nearest known errors (no match)"
TEACH = "To add the cause once you know it"
TEACHING = "cali kb add FILE.yaml"


def has_cause(incident: Incident) -> bool:
    """Return True if the knowledge base or the model gave a cause."""
    diagnosis = incident.diagnosis
    return diagnosis is not None and diagnosis.origin is not Origin.NONE and bool(diagnosis.cause)


def evidence(incident: Incident) -> tuple[Evidence, ...]:
    """Return the lines that prove the cause, or the lines of the first sample if there is no diagnosis."""
    if incident.diagnosis is not None and incident.diagnosis.evidence:
        return incident.diagnosis.evidence
    if not incident.samples:
        return (Evidence(incident.first_line, incident.title),)
    sample = incident.samples[0]
    return tuple(map(Evidence, sample.lines, sample.message.split("\n")))


class StepPartKind(Enum):
    """The kind of a part of a fix step."""

    PROSE = "prose"
    NAME = "name"
    COMMAND = "command"


class Occurrence(NamedTuple):
    """The number of events of an incident, and their time. `span` is empty if the log has no times."""

    often: str
    span: str
    lasting: str


def verdict(analysis: Analysis) -> str:
    """Return the result on one line. An incident is explained if its root has a cause."""
    lines = number(analysis.summary.lines, "line")
    groups = analysis.incidents
    if not groups:
        return f"No incidents in {lines}."
    known = sum(has_cause(group.root) for group in groups)
    parts = [f"{known:,} explained"] if known else []
    if known < len(groups):
        parts.append(f"{len(groups) - known:,} unknown")
    worst = max(map(attrgetter("severity"), groups)).label
    return f"{number(len(groups), 'incident')} in {lines} ({', '.join(parts)}), worst: {worst}"


def number(count: int, word: str) -> str:
    """Return a count with its noun: `1 line`, `2,000 lines`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def place(scope: Scope) -> str:
    """Return the known parts of a scope, outermost first. The container is omitted if it has the workload's name."""
    if scope == NOWHERE:
        return ""
    parts = [scope.cluster, scope.namespace, scope.workload]
    if scope.container != scope.workload:
        parts.append(scope.container)
    return "/".join(filter(None, parts))


def occurrence(incident: Incident) -> Occurrence:
    """Return count, time and duration of an incident."""
    often = "once" if incident.count == 1 else f"{incident.count:,} times"
    first, last = moment(incident.first_seen), moment(incident.last_seen)
    if first is None or last is None or incident.first_seen is None or incident.last_seen is None:
        return Occurrence(often, "", "")
    lasting = duration(incident.last_seen - incident.first_seen) if incident.count > 1 else ""
    return Occurrence(often, span(incident.first_seen, incident.last_seen), lasting)


def span(first: float | None, last: float | None) -> str:
    """Return a time range such as `2026-11-20 02:31:07 to 02:42:18 UTC`, or an empty string if it is unknown."""
    start, end = moment(first), moment(last)
    if start is None or end is None:
        return ""
    head = f"{start:%Y-%m-%d %H:%M:%S}"
    if (end - start).total_seconds() < 1:
        return f"{head} UTC"
    tail = f"{end:%H:%M:%S}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{head} to {tail} UTC"


def moment(seconds: float | None) -> datetime | None:
    """Return the time, or None if there is none or it is outside the calendar."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def duration(seconds: float) -> str:
    """Return a duration such as `480 ms`, `42 s`, `11 min 4 s`, `3 h 12 min` or `2 d 4 h`."""
    if seconds < 1:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    whole = round(seconds)
    for unit, size, small, rest in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            left = whole % size // rest
            return f"{whole // size} {unit}" + (f" {left} {small}" if left else "")
    return f"{whole} s"


def sureness(diagnosis: Diagnosis) -> str:
    """Return the confidence as a word and a number: `high (0.93)`."""
    name = "low"
    for least, word in _SURE:
        if diagnosis.confidence >= least:
            name = word
    return f"{name} ({diagnosis.confidence:.2f})"


def origin(diagnosis: Diagnosis) -> str:
    """Return the origin of a cause, in words."""
    if diagnosis.origin is Origin.KNOWLEDGE:
        return f"known error {diagnosis.knowledge[0].id}" if diagnosis.knowledge else "known error"
    if diagnosis.origin is Origin.MODEL:
        name = diagnosis.versions.get("model", "")
        return f"the model's reading of these lines{f' ({name})' if name else ''}: check before you act"
    return ""


def basis(diagnosis: Diagnosis) -> str:
    """Return the confidence in a cause, and its origin."""
    source = origin(diagnosis)
    return f"{sureness(diagnosis)}, {source}" if source else sureness(diagnosis)


def first_sentence(text: str, longest: int = 160) -> str:
    """Return the first sentence, cut for a list."""
    return cut(_SENTENCE.split(text.strip(), maxsplit=1)[0], longest)


def cut(text: str, longest: int) -> str:
    """Cut a text to `longest` characters, with the number of omitted characters."""
    return text if len(text) <= longest else f"{text[:longest]}… {len(text) - longest:,} more characters"


def why_unknown(diagnosis: Diagnosis | None) -> str:
    """Return the reason for a missing cause, as given by the reason stage."""
    return diagnosis.versions.get("gate", "") if diagnosis else "it was not diagnosed"


def closest(diagnosis: Diagnosis | None, limit: int = 3) -> str:
    """Return the nearest entries, none of which matches: `a (0.41), b (0.38)`."""
    hits = diagnosis.knowledge[:limit] if diagnosis else ()
    return ", ".join(f"{hit.id} ({hit.score:.2f})" for hit in hits)


class StepPart(NamedTuple):
    """A part of a fix step. A command is shown on its own line. A name is code within a sentence."""

    kind: StepPartKind
    text: str


def step(text: str) -> list[StepPart]:
    """Split a fix step into parts.

    Text between backticks is a command if it follows a colon or starts the step, and also ends its sentence. Otherwise it
    is a name.
    """
    pieces = _CODE.split(text)
    parts: list[StepPart] = []
    for place, piece in enumerate(pieces):
        kind = StepPartKind.PROSE
        if place % 2:
            apart = _LEADS.search(pieces[place - 1]) and _ENDS.match(pieces[place + 1])
            kind = StepPartKind.COMMAND if apart and " " in piece.strip() else StepPartKind.NAME
        elif place and parts and parts[-1].kind is StepPartKind.COMMAND:
            piece = piece.lstrip(" .,;")
        if piece:
            parts.append(StepPart(kind, piece))
    return parts


def reasons(summary: Summary) -> str:
    """Return the reasons why lines were quarantined, each with its first line."""
    first: dict[str, int] = {}
    for line, reason in summary.quarantine:
        first.setdefault(reason, line)
    shown = [f"{reason} (line {line:,})" for reason, line in list(first.items())[:3]]
    more = len(first) - len(shown)
    return "; ".join(shown) + (f"; {number(more, 'more reason')}" if more > 0 else "")


def spent(summary: Summary) -> str:
    """Return the cost of the model, or an empty string if it was not called."""
    spend = summary.spend
    if spend is None or not (spend.calls or spend.cached):
        return ""
    cost = f"${spend.dollars:.4f}" if spend.priced else "cost not known"
    cached = f", {spend.cached:,} from the cache" if spend.cached else ""
    return f"{number(spend.calls, 'model call')}{cached}, {cost}"


def counts(summary: Summary) -> str:
    """Return the numbers of events and templates: `1,200 events of 31 templates`."""
    return f"{number(summary.events, 'event')} of {number(summary.templates, 'template')}"


def sources(summary: Summary) -> str:
    """Return the first four sources and the number of others."""
    named = ", ".join(summary.sources[:4])
    more = len(summary.sources) - 4
    return f"{named} and {number(more, 'more source')}" if more > 0 else named


def set_aside(summary: Summary) -> str:
    """Return the number of quarantined lines and the reasons, or an empty string if there are none."""
    if not summary.quarantined:
        return ""
    why = reasons(summary)
    return f"Quarantined as unreadable: {number(summary.quarantined, 'line')}{f': {why}' if why else ''}"


def speed(summary: Summary) -> str:
    """Return the speed as `412 ms, 49,590 lines a second`, or an empty string if it was not measured."""
    if not summary.seconds:
        return ""
    return f"{duration(summary.seconds)}, {summary.lines / summary.seconds:,.0f} lines a second"


def versions(named: Mapping[str, str]) -> str:
    """Return the versions as `knowledge 2026-11-20, masks 2026-11-20`, without the reason in `gate`."""
    return ", ".join(f"{name} {value}" for name, value in sorted(named.items()) if name != "gate")


def visible(text: str) -> str:
    """Return the text on one line, with invisible characters as escapes such as \\x1b or \\u202e."""
    return _INVISIBLE_OR_CONTROL.sub(_escape, text.replace("\t", "    "))


def visible_lines(text: str) -> list[str]:
    """Return the lines of a text. Invisible characters in them are shown as escapes, as by `visible`."""
    return [visible(line) for line in text.split("\n")]


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def foot(summary: Summary) -> str:
    """Return the cost of the model, the speed and the versions on one line, without those that are unknown."""
    return " · ".join(filter(None, (spent(summary), speed(summary), versions(summary.versions))))

"""Groups of new errors: incidents of one fingerprint in any scope, and of templates with mostly the same words. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import TypeAdapter, ValidationError

from cali.core.errors import Poison
from cali.core.models import Incident, Origin
from cali.stages.reason.answer_gate import support
from cali.stages.retrieve.ranking import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ALIKE = 0.8  # minimum share of words that two templates have in common
AGREE = 0.5  # minimum share of the words of a cause that another cause supports
SAMPLES = 5  # maximum texts per group
LONGEST = 2_000  # maximum characters per text
_INCIDENT = TypeAdapter(Incident)


@dataclass(slots=True)
class ErrorGroup:
    """One kind of new error. `causes` are the causes that a model gave, `said` those that people gave."""

    fingerprint: str
    templates: list[str] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    title: str = ""
    severity: str = "error"
    count: int = 0
    texts: list[tuple[str, str]] = field(default_factory=list)  # template and text
    causes: list[dict[str, Any]] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)


def incident_of(body: bytes) -> Incident:
    """Parse an incident that `diagnose` stored under `new_errors/`. Raise Poison if it is anything else."""
    try:
        # orjson rejects what could not be stored again: half a surrogate, NaN, very deep nesting.
        plain = orjson.loads(body)
        plain["template"] = {"id": plain["fingerprint"], "text": plain["template"]}
        return _INCIDENT.validate_python(plain)
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        line = " ".join(str(error).split())[:160]
        raise Poison(f"not a new error: {line}") from error


def grouped(incidents: Iterable[Incident], redact: Callable[[str], str]) -> list[ErrorGroup]:
    """Return the groups, most frequent first. They do not depend on the order of the incidents."""
    exact: dict[str, ErrorGroup] = {}
    for incident in sorted(incidents, key=lambda one: one.id):
        group = exact.setdefault(incident.template.id, ErrorGroup(incident.template.id))
        _add(group, incident, redact)
    groups: list[ErrorGroup] = []
    for group in sorted(exact.values(), key=lambda one: (-one.count, one.fingerprint)):
        near = next((other for other in groups if _alike(group, other)), None)
        if near is None:
            groups.append(group)
        else:
            _join(near, group)
    return sorted(groups, key=lambda one: (-one.count, one.fingerprint))


def _add(group: ErrorGroup, incident: Incident, redact: Callable[[str], str]) -> None:
    group.incidents.append(incident.id)
    group.count += incident.count
    if incident.template.id not in group.fingerprints:
        group.fingerprints.append(incident.template.id)
        group.templates.append(redact(incident.template.text))
    scope = str(incident.scope)
    if scope not in group.scopes:
        group.scopes.append(scope)
    group.title = group.title or redact(incident.title)
    group.severity = incident.severity.label
    for sample in incident.samples:
        text = redact(sample.message)[:LONGEST]
        if len(group.texts) < SAMPLES and text not in [known for _, known in group.texts]:
            group.texts.append((redact(incident.template.text), text))
    diagnosis = incident.diagnosis
    if diagnosis is not None and diagnosis.origin is Origin.MODEL and diagnosis.cause:
        cause = {
            "cause": redact(diagnosis.cause),
            "fix": [redact(step) for step in diagnosis.fix],
            "confidence": diagnosis.confidence,
            "model": diagnosis.versions.get("model", ""),
        }
        if cause not in group.causes:
            group.causes.append(cause)


def _alike(one: ErrorGroup, other: ErrorGroup) -> bool:
    first, second = words(one.templates[0]), words(other.templates[0])
    both = len(first & second) / max(1, len(first | second))
    return both >= ALIKE and one.severity == other.severity and _agree(one.causes, other.causes)


def _agree(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> bool:
    """Return whether two groups may have the same cause. True if one of them has none."""
    if not one or not other:
        return True
    return support(str(one[0]["cause"]), str(other[0]["cause"]))[1] >= AGREE


def _join(group: ErrorGroup, other: ErrorGroup) -> None:
    group.fingerprints += other.fingerprints
    group.templates += other.templates
    group.incidents = sorted({*group.incidents, *other.incidents})
    group.scopes = sorted({*group.scopes, *other.scopes})
    group.count += other.count
    group.texts = [*group.texts, *other.texts][: 2 * SAMPLES]
    group.causes += [cause for cause in other.causes if cause not in group.causes]

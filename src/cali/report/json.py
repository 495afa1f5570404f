"""The JSON report: the contract of `cali analyze --format json`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from cali.core.models import Diagnosis, Evidence, Incident, IncidentGroup, Member
from cali.report.wording import ACTIVE, evidence, has_cause, moment
from cali.usecases.analyze_files import Analysis


def as_json(analysis: Analysis) -> bytes:
    """Return one JSON object that ends in a line feed. Equal analyses give equal bytes.

    Control characters for terminals are written as JSON escapes, so that the output is safe to print.
    """
    summary = analysis.summary
    whole = {
        "summary": {
            "lines": summary.lines,
            "events": summary.events,
            "templates": summary.templates,
            "findings": len(analysis.findings),
            "incidents": len(analysis.incidents),
            "quarantined": summary.quarantined,
        },
        "incidents": [_group(group, analysis.context.get(group.root.id, ())) for group in analysis.incidents],
    }
    return printed(whole)


def printed(whole: dict[str, Any]) -> bytes:
    """Return an object as JSON that is as safe to print as an analysis."""
    written = orjson.dumps(_sound(whole), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    return ACTIVE.sub(_escaped, written).encode()


def _group(group: IncidentGroup, around: Sequence[Evidence]) -> dict[str, Any]:
    root = group.root
    return {
        "id": group.id,
        "title": group.title,
        "severity": group.severity.label,
        "scope": str(root.scope),
        "status": root.status.value,
        "count": group.count,
        "first_seen": time(group.first_seen),
        "last_seen": time(group.last_seen),
        "diagnosis": _diagnosis(root, root.diagnosis),
        "context": {"around": [{"line": line, "text": text} for line, text in around]},
        "findings": [_member(member) for member in group.members],
    }


def _member(member: Member) -> dict[str, Any]:
    finding = member.finding
    written = _incident(finding)
    for name in ("follows", "samples", "diagnosis", "status"):
        del written[name]
    diagnosis = finding.diagnosis
    return {
        **written,
        "role": member.role.value,
        "reason": member.reason,
        "knowledge": diagnosis.knowledge[0].id
        if diagnosis and has_cause(finding) and diagnosis.knowledge
        else None,
        "samples": [{"line": sample.lines[0], "text": sample.message} for sample in finding.samples],
    }


def plain(incident: Incident) -> dict[str, Any]:
    """Return an incident in the form of the contract, as part of an object for `printed`."""
    return _incident(incident)


def one_json_line(incident: Incident, **more: str) -> bytes:
    """Return an incident as one JSON line that is safe to print. The members of `more` come first."""
    written = orjson.dumps(_sound({**more, **_incident(incident)}), option=orjson.OPT_APPEND_NEWLINE).decode()
    return ACTIVE.sub(_escaped, written).encode()


def time(seconds: float | None) -> str | None:
    """Return a time in ISO 8601, in UTC with milliseconds, or None if it is unknown."""
    when = moment(seconds)
    return f"{when.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" if when else None


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "fingerprint": incident.template.id,
        "template": incident.template.text,
        "title": incident.title,
        "severity": incident.severity.label,
        "scope": str(incident.scope),
        "count": incident.count,
        "first_seen": time(incident.first_seen),
        "last_seen": time(incident.last_seen),
        "status": incident.status.value,
        "burst": incident.burst,
        "follows": incident.follows,
        "samples": [sample.message for sample in incident.samples],
        "diagnosis": _diagnosis(incident, incident.diagnosis),
    }


def _diagnosis(incident: Incident, diagnosis: Diagnosis | None) -> dict[str, Any]:
    return {
        "origin": diagnosis.origin.value if diagnosis else "none",
        "cause": diagnosis.cause if diagnosis else "",
        "fix": list(diagnosis.fix) if diagnosis else [],
        "confidence": diagnosis.confidence if diagnosis else 0.0,
        "evidence": [{"line": line, "text": text} for line, text in evidence(incident)],
        "knowledge": [{"id": hit.id, "score": hit.score} for hit in diagnosis.knowledge] if diagnosis else [],
        "versions": dict(sorted(diagnosis.versions.items())) if diagnosis else {},
    }


def _sound(value: Any) -> Any:
    """Replace half surrogate pairs, which UTF-8 cannot encode, by question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_sound(key): _sound(item) for key, item in value.items()}
    return [_sound(item) for item in value] if isinstance(value, list) else value


def _escaped(match: re.Match[str]) -> str:
    # JSON writes characters above 0xffff as surrogate pairs.
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))

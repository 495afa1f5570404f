"""Parser of the JSON that `cali analyze --format json` and `cali incidents show --format json` print."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cali.core.errors import Misconfigured
from cali.core.models import (
    Diagnosis,
    Event,
    Evidence,
    Hit,
    Incident,
    Origin,
    Scope,
    Severity,
    Status,
    Template,
)


def incidents(path: Path) -> list[Incident]:
    """Return all findings in a file. The file holds one finding or a whole report."""
    try:
        plain = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Misconfigured(f"{path}: not JSON: {error}") from error
    rows = plain.get("incidents") if isinstance(plain, dict) and "incidents" in plain else [plain]
    if not isinstance(rows, list):
        raise Misconfigured(f"{path}: incidents: must be a list")
    return [
        _read(one, f"{path}: incident {place}") for place, row in enumerate(rows, 1) for one in _findings(row)
    ]


def _findings(row: Any) -> list[Any]:
    """Return the findings of an incident, the root with the incident's diagnosis and status; of another row, itself."""
    findings = row.get("findings") if isinstance(row, dict) else None
    if not isinstance(findings, list) or not all(isinstance(one, dict) for one in findings):
        return [row]
    diagnosed = {name: row.get(name) for name in ("diagnosis", "status", "title")}
    return [{**findings[0], **diagnosed}, *findings[1:]] if findings else []


def _read(row: Any, where: str) -> Incident:
    try:
        return _incident(row)
    except KeyError as error:
        raise Misconfigured(f"{where}: {error.args[0]}: missing or unknown") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise Misconfigured(f"{where}: {error}") from error


def _incident(row: dict[str, Any]) -> Incident:
    scope = Scope(*("" if part == "-" else part for part in str(row["scope"]).split("/")))
    template = Template(str(row["fingerprint"]), str(row["template"]))
    severity = Severity[str(row["severity"]).upper()]
    first, last = _time(row.get("first_seen")), _time(row.get("last_seen"))
    samples = tuple(
        Event(tuple(range(1, text.count("\n") + 2)), text, first, severity, scope, template)
        for text in map(_sample, row.get("samples", ()))
    )
    return Incident(
        id=str(row["id"]),
        scope=scope,
        template=template,
        title=str(row["title"]),
        severity=severity,
        count=int(row.get("count", 1)),
        first_line=1,
        last_line=1,
        first_seen=first,
        last_seen=last,
        samples=samples,
        status=Status(row.get("status") or "opened"),
        burst=bool(row.get("burst")),
        follows=row.get("follows"),
        diagnosis=_diagnosis(row.get("diagnosis")),
    )


def _sample(plain: Any) -> str:
    return str(plain["text"] if isinstance(plain, dict) else plain)


def _diagnosis(plain: dict[str, Any] | None) -> Diagnosis | None:
    if not plain:
        return None
    return Diagnosis(
        origin=Origin(plain.get("origin", "none")),
        evidence=tuple(Evidence(int(one["line"]), str(one["text"])) for one in plain.get("evidence", ())),
        cause=str(plain.get("cause", "")),
        fix=tuple(map(str, plain.get("fix", ()))),
        confidence=float(plain.get("confidence", 0.0)),
        knowledge=tuple(Hit(str(one["id"]), float(one["score"])) for one in plain.get("knowledge", ())),
        versions=dict(plain.get("versions", {})),
    )


def _time(text: str | None) -> float | None:
    if text is None:
        return None
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()

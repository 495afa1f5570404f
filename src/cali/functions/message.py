"""An incident as a Slack message: what broke, where, since when, why, what to do, and how sure that is.

What logs say is plain text here: it can form no link, mention nobody, and look like nothing of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.life import Kind
from cali.models import Origin, Severity

if TYPE_CHECKING:
    from cali.models import Diagnosis, Incident

LONGEST = 2_800  # characters of a section; Slack takes 3,000
HEADER = 150
EVIDENCE = 6
_COLOURS = {Severity.CRITICAL: "#8b0000", Severity.ERROR: "#d93025", Severity.WARNING: "#f2a600"}
_HEADS = {Kind.OPENED: "", Kind.DIAGNOSED: "Explained: ", Kind.REGRESSED: "Came back: "}
_ZERO_WIDTH = "\u200b"


def opened(incident: Incident, kind: Kind = Kind.OPENED, link: str = "") -> dict[str, Any]:
    """The message that an incident opened."""
    blocks = [_header(incident, kind), _facts(incident), _error(incident)]
    if incident.diagnosis is not None:
        blocks += _explained(incident.diagnosis)
    return _message(incident, kind, blocks, link)


def followup(incident: Incident, kind: Kind, link: str = "") -> dict[str, Any]:
    """The message that there is news of an incident."""
    blocks = [_header(incident, kind), _facts(incident)]
    if kind is Kind.REGRESSED:
        blocks.append(_error(incident))
    if incident.diagnosis is not None:
        blocks += _explained(incident.diagnosis)
    return _message(incident, kind, blocks, link)


def _message(incident: Incident, kind: Kind, blocks: list[dict[str, Any]], link: str) -> dict[str, Any]:
    text = f"{_HEADS[kind]}[{incident.severity.label}] {incident.title} ({incident.scope})"
    where = f" - <{link.replace('{id}', incident.id)}|more>" if link else ""
    blocks.append(
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"incident `{incident.id}`{where}"}]}
    )
    return {
        "text": quiet(text),
        "attachments": [{"color": _COLOURS.get(incident.severity, "#5f6368"), "blocks": blocks}],
    }


def _header(incident: Incident, kind: Kind) -> dict[str, Any]:
    text = f"{_HEADS[kind]}{incident.title}"
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": _cut(quiet(text), HEADER), "emoji": False},
    }


def _facts(incident: Incident) -> dict[str, Any]:
    scope = incident.scope
    facts = {
        "Severity": incident.severity.label,
        "Count": f"{incident.count:,}",
        "Workload": "/".join(part for part in (scope.namespace, scope.workload or scope.container) if part)
        or "-",
        "Cluster": scope.cluster or "-",
    }
    if incident.first_seen is not None:
        facts["Since"] = (
            f"<!date^{int(incident.first_seen)}^{{date_short_pretty}} {{time_secs}}|{incident.first_seen:.0f}>"
        )
    if incident.follows:
        facts["Follows"] = f"incident {incident.follows}"
    fields = [
        {"type": "mrkdwn", "text": f"*{name}*\n{value if value.startswith('<!date') else quiet(value)}"}
        for name, value in facts.items()
    ]
    return {"type": "section", "fields": fields}


def _error(incident: Incident) -> dict[str, Any]:
    return _code(incident.samples[0].message if incident.samples else incident.title)


def _explained(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    if diagnosis.origin is Origin.NONE:
        return [_section("*Cause* not known: nothing in the lines proves one.")]
    source = "knowledge base" if diagnosis.origin is Origin.KNOWLEDGE else "model"
    if diagnosis.knowledge and diagnosis.origin is Origin.KNOWLEDGE:
        source = f"knowledge base, {quiet(diagnosis.knowledge[0].id)}"
    blocks = [
        _section(f"*Cause* ({diagnosis.confidence:.0%}, {source})\n{quiet(diagnosis.cause)}"),
        _section("*Evidence*"),
        _code("\n".join(piece.text for piece in diagnosis.evidence[:EVIDENCE])),
    ]
    if diagnosis.fix:
        steps = "\n".join(f"{place}. {quiet(step)}" for place, step in enumerate(diagnosis.fix, 1))
        blocks.append(_section(f"*What to do*\n{steps}"))
    return blocks


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, LONGEST)}}


def _code(text: str) -> dict[str, Any]:
    """Lines of a log. Backquotes that would end the block early are broken up."""
    safe = quiet(_cut(text, 1_500)).replace("```", f"`{_ZERO_WIDTH}`{_ZERO_WIDTH}`")
    return _section(f"```{_cut(safe, LONGEST - 6)}```")


def quiet(text: str) -> str:
    """Text that Slack shows as it is: no mention, no link, no markup from outside."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"

"""The reports of a replay for people and for programs. Their content does not depend on time or host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Protocol

from cali.core.models import Incident
from cali.report.json import plain, printed
from cali.report.json import time as iso
from cali.report.terminal import one_line
from cali.report.wording import visible
from cali.usecases.replay import Changes, DifferenceKind, IncidentDifference, ReplayResult
from cali.usecases.replay.alert_counts import AlertCount

LISTED = 100  # maximum rows per kind of change in the text report


class ReplayedLogs(Protocol):
    """The logs that a replay read. `damaged` names the objects that could be read only in part."""

    @property
    def name(self) -> str: ...
    @property
    def objects(self) -> Sized: ...
    @property
    def size(self) -> int: ...
    @property
    def damaged(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replay and the logs that it read. `name` is the user's name for its versions."""

    logs: ReplayedLogs
    outcome: ReplayResult
    told: tuple[AlertCount, ...]
    name: str = ""


def as_json(replayed: Replayed) -> bytes:
    """Return the JSON contract of `cali replay --format json`."""
    outcome = replayed.outcome
    changes = [
        {
            "incident": change.incident,
            "number": change.number,
            "kind": change.kind.value,
            "at": iso(change.at),
            "severity": change.severity.label,
            "count": change.count,
        }
        for change in outcome.changes
    ]
    return printed(
        {
            "source": _source(replayed.logs),
            **_side(replayed),
            "incidents": [plain(incident) for incident in outcome.incidents],
            "changes": changes,
        }
    )


def changes_as_json(changes: Changes, before: Replayed, after: Replayed) -> bytes:
    """Return the JSON contract of `cali replay --compare A B --format json`."""
    rows = [
        {
            "what": row.what.value,
            "detail": row.detail,
            "before": [plain(incident) for incident in row.before],
            "after": [plain(incident) for incident in row.after],
        }
        for row in changes.rows
    ]
    return printed(
        {
            "source": _source(before.logs),
            "before": {"name": before.name, **_side(before)},
            "after": {"name": after.name, **_side(after)},
            "summary": {**_kinds(changes), "losses": len(changes.losses)},
            "changes": rows,
        }
    )


def as_text(replayed: Replayed, *, color: bool = False) -> str:
    """Return the replay as text for a person."""
    outcome = replayed.outcome
    rows = [
        f"{_read(replayed)}, {_many(len(outcome.incidents), 'incident')}",
        _period(outcome),
        f"versions  {_named(outcome)}",
        "",
        *(one_line(incident, color=color).rstrip("\n") for incident in outcome.incidents),
        "",
        *_left_out(outcome),
        f"model     {_cost(outcome)}",
        f"alerts    {_alerts(replayed.told)}",
        "",
    ]
    return "\n".join(rows)


def changes_as_text(changes: Changes, before: Replayed, after: Replayed) -> str:
    """Return the differences of two replays as text for a person."""
    rows = [
        _read(before),
        "",
    ]
    for side, one in (("before", before), ("after", after)):
        rows += [
            f"{side:6}  {visible(one.name)}: {_named(one.outcome)}",
            f"        {_many(len(one.outcome.incidents), 'incident')}; model: {_cost(one.outcome)}; alerts: {_alerts(one.told)}",
        ]
    rows.append("")
    for what in DifferenceKind:
        found = [row for row in changes.rows if row.what is what]
        rows += [_changed(row) for row in found[:LISTED]]
        if len(found) > LISTED:
            rows.append(f"{what.value:12} and {len(found) - LISTED:,} more: --format json lists them")
    kinds = [f"{count:,} {name}" for name, count in _kinds(changes).items() if count]
    rows += [
        f"{', '.join(kinds)}; {len(changes.losses):,} {'loss' if len(changes.losses) == 1 else 'losses'}",
        "",
    ]
    return "\n".join(rows)


def _read(replayed: Replayed) -> str:
    logs = replayed.logs
    lines, objects = replayed.outcome.counts.lines, len(logs.objects)
    return f"{visible(logs.name)}: {_many(lines, 'line')} of {_many(objects, 'object')}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _source(logs: ReplayedLogs) -> dict[str, Any]:
    return {
        "name": logs.name,
        "objects": len(logs.objects),
        "bytes": logs.size,
        "damaged": list(logs.damaged),
    }


def _side(replayed: Replayed) -> dict[str, Any]:
    outcome = replayed.outcome
    return {
        "versions": dict(outcome.versions),
        "summary": {**outcome.counts._asdict(), "incidents": len(outcome.incidents)},
        "period": {"began": iso(outcome.began), "ended": iso(outcome.ended)},
        "cost": outcome.cost._asdict(),
        "alerts": [place._asdict() for place in replayed.told],
    }


def _kinds(changes: Changes) -> dict[str, int]:
    counts = {what.value: changes.count(what) for what in DifferenceKind}
    return {"same": changes.same, "renamed": changes.renamed, **counts}


def _changed(row: IncidentDifference) -> str:
    shown = row.after or row.before
    several = f" ({len(row.before)} -> {len(row.after)})" if len(row.before) > 1 or len(row.after) > 1 else ""
    return f"{row.what.value:12}{_named_incident(shown)}{several}  {visible(row.detail)}".rstrip()


def _named_incident(incidents: Sequence[Incident]) -> str:
    incident = incidents[0]
    return f"{incident.id}  {visible(str(incident.scope))}  {visible(incident.title)[:100]}"


def _period(outcome: ReplayResult) -> str:
    if outcome.began is None:
        return "from      unknown: no line has a time stamp"
    return f"from      {iso(outcome.began)} to {iso(outcome.ended)}"


def _named(outcome: ReplayResult) -> str:
    return ", ".join(f"{name} {version}" for name, version in outcome.versions.items())


def _left_out(outcome: ReplayResult) -> Iterable[str]:
    counts = outcome.counts
    for number, what in (
        (counts.quarantined, "lines could not be read"),
        (counts.outside, "events are outside the requested time"),
        (counts.suppressed, "incidents were marked as not an error"),
        (counts.folded, "less severe or rarer incidents are not listed"),
    ):
        if number:
            yield f"left out  {number:,} {what}"


def _cost(outcome: ReplayResult) -> str:
    cost = outcome.cost
    if not cost.model:
        return "no model is configured, so no calls"
    tokens = f"{_many(cost.calls, 'call')} of {cost.model}, {cost.tokens_in:,} tokens in, {cost.tokens_out:,} out at most"
    if not cost.priced:
        return f"{tokens}, at an unknown price"
    return f"{tokens}, ${cost.dollars:.4f} at most (prices {cost.prices})"


def _alerts(counts: Sequence[AlertCount]) -> str:
    if not counts:
        return "no messages"
    places = []
    for place in counts:
        where = f"{place.sink} {place.channel}".strip()
        more = [f"{n:,} {what}" for n, what in ((place.edits, "edits"), (place.replies, "replies")) if n]
        places.append(
            f"{_many(place.posts, 'message')} to {visible(where)}" + (f" ({', '.join(more)})" if more else "")
        )
    return "; ".join(places)

"""Keeps what a replay found in the file of `cali watch --state`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cali.adapters.sqlite.incidents import SqliteIncidents
from cali.core.errors import Conflict
from cali.core.life import ChangeKind, StoredIncident
from cali.core.models import Status
from cali.usecases.replay import ReplayResult


def keep(outcome: ReplayResult, path: Path) -> int:
    """Keeps the incidents that the file does not hold, and says how many. What it holds stays as it is: somebody may have
    answered it, and its count is of lines that were seen live. No change is left to be told."""
    store = SqliteIncidents(path)
    kept = 0
    for incident in outcome.incidents:
        changes = [change for change in outcome.changes if change.incident == incident.id]
        last = changes[-1] if changes else None
        over = last is not None and last.kind is ChangeKind.QUIET
        heard_at = incident.last_seen if incident.last_seen is not None else outcome.ended or 0.0
        stored = StoredIncident(
            replace(incident, status=Status.QUIET) if over else incident,
            heard_at=heard_at,
            changes=len(changes),
            quiet_at=last.at if last and over else None,
        )
        try:
            store.put(stored)
        except Conflict:
            continue
        kept += 1
    return kept

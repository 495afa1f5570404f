"""Storage of the incidents of a replay, next to those of live streams."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cali.core.errors import Conflict
from cali.core.life import ChangeKind, StoredIncident
from cali.core.models import Status

if TYPE_CHECKING:
    from cali.core.ports import IncidentStore
    from cali.usecases.replay.rerun import ReplayResult


def store_incidents(result: ReplayResult, store: IncidentStore) -> int:
    """Store the incidents that the store does not hold yet, and return how many.

    A stored incident is not changed: people may have answered it, and its count is from live lines. The changes of the
    new incidents count as sent.
    """
    added = 0
    for incident in result.incidents:
        changes = [change for change in result.changes if change.incident == incident.id]
        last = changes[-1] if changes else None
        over = last is not None and last.kind is ChangeKind.QUIET
        heard_at = incident.last_seen if incident.last_seen is not None else result.ended or 0.0
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
        added += 1
    return added

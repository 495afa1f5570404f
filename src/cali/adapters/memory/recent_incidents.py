"""Incidents in memory, the most recent ones: for a shell that runs for ever and keeps nothing on disk."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from cali.core.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Collection

    from cali.core.life import StoredIncident
    from cali.core.models import Status


class RecentIncidents:
    """An IncidentStore of one process. Beyond `limit` incidents the one that was put longest ago is forgotten: should it
    come again, it is new."""

    def __init__(self, limit: int = 2_000) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, StoredIncident] = OrderedDict()
        self.forgotten = 0

    def get(self, incident: str) -> StoredIncident | None:
        return self._kept.get(incident)

    def put(self, stored: StoredIncident) -> StoredIncident:
        name = stored.incident.id
        known = self._kept.get(name)
        if (known.version if known else 0) != stored.version:
            raise Conflict(f"incident {name}: changed since version {stored.version} was read")
        new = self._kept[name] = replace(stored, version=stored.version + 1)
        self._kept.move_to_end(name)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
            self.forgotten += 1
        return new

    def find(
        self, statuses: Collection[Status], limit: int, heard_before: float | None = None
    ) -> list[StoredIncident]:
        found = [stored for stored in self._kept.values() if stored.incident.status in statuses]
        if heard_before is None:
            found.sort(key=lambda stored: (-stored.heard_at, stored.incident.id))
        else:
            found = [stored for stored in found if stored.heard_at < heard_before]
            found.sort(key=lambda stored: (stored.heard_at, stored.incident.id))
        return found[: max(limit, 0)]

    def count(self, status: Status, most: int) -> int:
        return min(most, sum(stored.incident.status is status for stored in self._kept.values()))

"""Incident store in memory, for processes without storage and for tests."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from cali.core.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Collection

    from cali.core.life import StoredIncident
    from cali.core.models import Status


class MemoryIncidents:
    """IncidentStore of one process. Beyond `limit` incidents it evicts the least recently written one.

    An evicted incident that occurs again is new.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._incidents: OrderedDict[str, StoredIncident] = OrderedDict()

    def get(self, incident: str) -> StoredIncident | None:
        return self._incidents.get(incident)

    def put(self, stored: StoredIncident) -> StoredIncident:
        name = stored.incident.id
        known = self._incidents.get(name)
        if (known.version if known else 0) != stored.version:
            raise Conflict(f"incident {name}: changed since version {stored.version} was read")
        new = self._incidents[name] = replace(stored, version=stored.version + 1)
        self._incidents.move_to_end(name)
        if self._limit is not None and len(self._incidents) > self._limit:
            self._incidents.popitem(last=False)
        return new

    def find(
        self, statuses: Collection[Status], limit: int, heard_before: float | None = None
    ) -> list[StoredIncident]:
        found = [stored for stored in self._incidents.values() if stored.incident.status in statuses]
        if heard_before is None:
            found.sort(key=lambda stored: (-stored.heard_at, stored.incident.id))
        else:
            found = [stored for stored in found if stored.heard_at < heard_before]
            found.sort(key=lambda stored: (stored.heard_at, stored.incident.id))
        return found[: max(limit, 0)]

    def count(self, status: Status, most: int) -> int:
        return min(most, sum(stored.incident.status is status for stored in self._incidents.values()))

"""An IncidentStore in memory. It passes the contract suite of its port, as the real adapters do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cali.core.errors import Conflict
from cali.stages.detect.incident_json import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Collection

    from cali.core.life import StoredIncident
    from cali.core.models import Status


class MemoryIncidents:
    """Keeps what would be written, not the objects, so that what cannot be written shows."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, str]] = {}

    def get(self, incident: str) -> StoredIncident | None:
        kept = self._kept.get(incident)
        return loads(kept[1], kept[0]) if kept else None

    def put(self, stored: StoredIncident) -> StoredIncident:
        incident = stored.incident.id
        version = self._kept[incident][0] if incident in self._kept else 0
        if version != stored.version:
            raise Conflict(f"incident {incident}: changed since version {stored.version} was read")
        self._kept[incident] = (version + 1, dumps(stored))
        return replace(stored, version=version + 1)

    def find(
        self, statuses: Collection[Status], limit: int, heard_before: float | None = None
    ) -> list[StoredIncident]:
        found = [loads(body, version) for version, body in self._kept.values()]
        found = [stored for stored in found if stored.incident.status in statuses]
        if heard_before is None:
            found.sort(key=lambda stored: (-stored.heard_at, stored.incident.id))
        else:
            found = [stored for stored in found if stored.heard_at < heard_before]
            found.sort(key=lambda stored: (stored.heard_at, stored.incident.id))
        return found[: max(limit, 0)]

    def count(self, status: Status, most: int) -> int:
        return len(self.find([status], most))

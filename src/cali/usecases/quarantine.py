"""Lines that could not be read, kept with the reason: nothing is lost, and nothing is blocked.

    quarantine/dt=2026-11-20/<shard>/<first>-<last>.jsonl      one object for a batch, one JSON object for a line

A batch that comes again writes the same object again; a line that two objects hold has the same `id` in both.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cali.core.ports import Objects

LONGEST = 64 * 1024  # of a line is kept; the whole of it is in raw/
AROUND = 4 * 1024  # more is redacted, so that a secret which the end cuts is known for one


class UnreadLine(NamedTuple):
    """A line that could not be read."""

    position: int
    reason: str
    raw: bytes


class Quarantine:
    """Keeps what could not be read. It is redacted as far as it is text."""

    def __init__(self, objects: Objects, redact: Callable[[str], str]) -> None:
        self._objects = objects
        self._redact = redact

    def keep(self, source: str, lines: Sequence[UnreadLine], arrived: float) -> None:
        """Keeps lines of one batch. `arrived` names the day."""
        rows = [
            {
                "id": f"{source}:{line.position}",
                "source": source,
                "reason": line.reason,
                "bytes": len(line.raw),
                "text": self._redact(line.raw[: LONGEST + AROUND].decode(errors="replace"))[:LONGEST],
            }
            for line in lines
        ]
        day = datetime.fromtimestamp(arrived, UTC).date().isoformat()
        place = source.replace("/", "-").replace(":", "-")
        key = f"quarantine/dt={day}/{place}/{lines[0].position}-{lines[-1].position}.jsonl"
        body = "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)
        self._objects.put(key, body.encode(), "application/x-ndjson")

"""The quarantine: unreadable lines, stored with the reason, so that no line is lost and none blocks the stream.

    quarantine/dt=2026-11-20/<shard>/<first>-<last>.jsonl      one object for each batch, one line of JSON for each line

A repeated batch writes the same object again. A line in two objects has the same `id` in both.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cali.core.ports import Objects

LONGEST = 64 * 1024  # maximum stored characters of a line; raw/ has the whole line
AROUND = 4 * 1024  # more bytes that are redacted too, so that a secret at the cut is recognised


class UnreadLine(NamedTuple):
    """A line that could not be read."""

    position: int
    reason: str
    raw: bytes


class Quarantine:
    """A store of unreadable lines. Their text is redacted."""

    def __init__(self, objects: Objects, redact: Callable[[str], str]) -> None:
        self._objects = objects
        self._redact = redact

    def keep(self, source: str, lines: Sequence[UnreadLine], arrived: float) -> None:
        """Store the lines of one batch under the day of `arrived`."""
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

"""The lines that were kept of a day, as the stream had them, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cali.core.models import Event, Severity
from cali.stages.reason.numbered_lines import LONGEST
from cali.usecases.pipeline import Pipeline, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cali.core.ports import Objects
    from cali.stages.decode import Decoder
    from cali.stages.refine.refiner import Refiner

HOME = "raw/dt="


def keys(objects: Objects, day: str) -> list[str]:
    """The objects of a day, in order."""
    return list(objects.keys(f"{HOME}{day}/"))


def lines(
    objects: Objects, unpack: Callable[[bytes], Iterable[bytes]], day: str, limit: int
) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a day, at most so many, a fair share of each object."""
    names = keys(objects, day)
    share = max(1, limit // max(1, len(names)))
    number = 0
    for name in names:
        for count, line in enumerate(unpack(objects.get(name) or b"")):
            if count >= share or number >= limit:
                break
            number += 1
            yield number, line


class TemplateTable:
    """Templates with counts, in bounded memory: once it is full, new ones are counted in `folded` and not kept. The example of
    a template is its least severe event."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: dict[str, dict[str, Any]] = {}
        self.folded = 0

    def add(self, event: Event) -> None:
        row = self._rows.get(event.template.id)
        if row is None:
            if len(self._rows) >= self._most:
                self.folded += 1
                return
            row = self._rows[event.template.id] = {
                "template": event.template.text,
                "count": 0,
                "severity": int(event.severity),
                "least": int(Severity.CRITICAL) + 1,
                "example": "",
            }
        row["count"] += 1
        row["severity"] = max(row["severity"], int(event.severity))
        if event.severity < row["least"]:
            row["least"], row["example"] = int(event.severity), event.message[:LONGEST]

    def rows(self) -> list[dict[str, Any]]:
        """The most frequent first."""
        return sorted(self._rows.values(), key=lambda row: (-row["count"], row["template"]))


def table(
    numbered: Iterable[tuple[int, bytes]], decoder: Decoder, refiner: Refiner, most: int
) -> tuple[TemplateTable, Tally]:
    """What lines are made of."""
    made, pipeline = TemplateTable(most), Pipeline(decoder, refiner)
    for event in pipeline.events(numbered):
        made.add(event)
    return made, pipeline.tally


def healthy(rows: Iterable[dict[str, Any]]) -> list[str]:
    """An example of each template that was at times less than a warning, whatever else it was at others."""
    return [str(row["example"]) for row in rows if row["least"] < Severity.WARNING]

"""The stored log lines of a day, read in bounded memory, and the counts of their templates."""

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
    """Return the keys of the objects of a day, in order."""
    return list(objects.keys(f"{HOME}{day}/"))


def lines(
    objects: Objects, unpack: Callable[[bytes], Iterable[bytes]], day: str, limit: int
) -> Iterator[tuple[int, bytes]]:
    """Yield at most `limit` numbered lines of a day, an equal share of each object."""
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
    """Counts by template, in bounded memory. A full table counts events of new templates in `folded`.

    The example of a template is its least severe event.
    """

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
        """Return the rows, most frequent first."""
        return sorted(self._rows.values(), key=lambda row: (-row["count"], row["template"]))


def table(
    numbered: Iterable[tuple[int, bytes]], decoder: Decoder, refiner: Refiner, most: int
) -> tuple[TemplateTable, Tally]:
    """Return the templates of the lines, and the counts of the pipeline."""
    made, pipeline = TemplateTable(most), Pipeline(decoder, refiner)
    for event in pipeline.events(numbered):
        made.add(event)
    return made, pipeline.tally


def healthy(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Return an example of each template that occurred below severity `warning` at least once."""
    return [str(row["example"]) for row in rows if row["least"] < Severity.WARNING]

"""Optimistic updates change the newest value, and retry after a conflict."""

from __future__ import annotations

import pytest

from cali.core.errors import Conflict, Misconfigured, Retryable
from cali.core.optimistic import update


class Cell:
    """A number with a version. Other writers add 10 before each of the first `races` writes."""

    def __init__(self, races: int = 0) -> None:
        self.value, self.version, self.races, self.reads = 0, 0, races, 0

    def read(self) -> tuple[int, int]:
        self.reads += 1
        return self.value, self.version

    def write(self, new: tuple[int, int]) -> tuple[int, int]:
        if self.races:
            self.races -= 1
            self.value, self.version = self.value + 10, self.version + 1
        value, version = new
        if version != self.version:
            raise Conflict("changed")
        self.value, self.version = value, version + 1
        return self.value, self.version


def incremented(old: tuple[int, int]) -> tuple[int, int]:
    return old[0] + 1, old[1]


def test_returns_what_was_written():
    cell = Cell()
    assert update(cell.read, incremented, cell.write, "cell") == (1, 1)
    assert cell.reads == 1


def test_changes_the_newest_value_after_a_conflict():
    cell = Cell(races=3)
    pauses: list[float] = []
    assert update(cell.read, incremented, cell.write, "cell", sleep=pauses.append) == (31, 4)
    assert cell.reads == 4
    assert pauses == pytest.approx([0.02, 0.04, 0.06])


def test_writes_nothing_when_there_is_nothing_to_change():
    cell = Cell(races=1)
    assert update(cell.read, lambda _: None, cell.write, "cell") == (0, 0)
    assert cell.races == 1


def test_gives_up_after_the_last_attempt():
    cell = Cell(races=9)
    with pytest.raises(Retryable, match=r"^cell: changed by other processes 3 times in a row$") as raised:
        update(cell.read, incremented, cell.write, "cell", attempts=3)
    assert not isinstance(raised.value, Conflict)
    assert (cell.reads, cell.value) == (3, 30)


def test_raises_every_other_error_at_once():
    def refused(_: tuple[int, int]) -> tuple[int, int]:
        raise Misconfigured("no table")

    cell = Cell()
    with pytest.raises(Misconfigured):
        update(cell.read, incremented, refused, "cell")
    assert cell.reads == 1

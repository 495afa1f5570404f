"""The differences between two replays of the same lines."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.replay.logs import entry, knowing, line, numbered

from cali.core.models import Severity
from cali.stages.refine import book
from cali.usecases.replay import DifferenceKind, ReplayResult, ReplayVersions, compare
from cali.usecases.replay import replay as replayed

FULL, BENT = entry("disk-full", "no space left"), entry("bent", "frobnicator", "Somebody bent it.")
LOG = numbered(
    [line(1, "ERROR write 7: no space left"), line(2, "ERROR the frobnicator is bent"), line(3, "INFO ok")]
)


def seen(*entries: object, lines: list[tuple[int, bytes]] = LOG) -> ReplayResult:
    return replayed(lines, ReplayVersions(knowing(*entries)))  # type: ignore[arg-type]


def told(before: ReplayResult, after: ReplayResult) -> list[tuple[DifferenceKind, str]]:
    return [(row.what, row.detail) for row in compare(before, after).rows]


def test_the_same_outcome_differs_in_nothing() -> None:
    changes = compare(seen(FULL), seen(FULL))

    assert (changes.rows, changes.same, changes.renamed) == ((), 2, 0)


def test_a_cause_is_gained_lost_and_changed() -> None:
    other = entry("volume-full", "no space left", "The volume is full.")

    assert told(seen(FULL), seen(FULL, BENT)) == [(DifferenceKind.GAINED, "no cause -> bent")]
    assert told(seen(FULL, BENT), seen(FULL)) == [(DifferenceKind.LOST, "bent -> no cause")]
    assert told(seen(FULL), seen(other)) == [(DifferenceKind.CHANGED, "disk-full -> volume-full")]


def test_another_wording_of_the_same_entry_is_told() -> None:
    assert told(seen(FULL), seen(replace(FULL, fix=("Buy a disk.",)))) == [
        (DifferenceKind.REWORDED, "disk-full")
    ]


def test_a_warning_that_becomes_known_appears_and_disappears() -> None:
    lines = numbered([line(1, "WARN the frobnicator is bent")])

    appeared = compare(seen(lines=lines), seen(BENT, lines=lines))
    gone = compare(seen(BENT, lines=lines), seen(lines=lines))

    assert [(row.what, row.detail) for row in appeared.rows] == [(DifferenceKind.APPEARED, "bent")]
    assert appeared.losses == ()
    assert [row.what for row in gone.losses] == [DifferenceKind.DISAPPEARED]


def test_another_severity_of_the_entry_is_told_with_both() -> None:
    lines = numbered([line(1, "WARN the frobnicator is bent")])
    worse = replace(BENT, severity=Severity.CRITICAL)

    assert told(seen(BENT, lines=lines), seen(worse, lines=lines)) == [
        (DifferenceKind.REGRADED, "error -> critical")
    ]


def test_a_book_merges_incidents_and_without_it_they_split() -> None:
    names = [
        f"{first}{last}"
        for first in ("ada", "bob", "cyd", "dan", "eve")
        for last in ("lee", "kim", "roe", "ito", "paz")
    ]
    lines = numbered(
        [line(n, f"ERROR the quota of tenant {name} is used up") for n, name in enumerate(names)]
    )
    plain = replayed(lines, ReplayVersions(knowing()))
    learnt = book.learn("2026-11-20", [one.template.text for one in plain.incidents])
    merged = replayed(lines, ReplayVersions(knowing(), book=learnt))

    assert (len(plain.incidents), len(merged.incidents)) == (25, 1)
    (one,) = compare(plain, merged).rows
    assert (one.what, len(one.before), len(one.after)) == (DifferenceKind.MERGED, 25, 1)
    (other,) = compare(merged, plain).rows
    assert (other.what, len(other.before), len(other.after)) == (DifferenceKind.SPLIT, 1, 25)


def test_a_merge_that_costs_a_cause_is_a_loss() -> None:
    before, after = seen(FULL, BENT), seen(FULL, BENT)
    one, two = after.incidents
    both = replace(one, diagnosis=None, count=2)
    joined = replace(
        after, incidents=(both,), places={one.id: (*after.places[one.id], *after.places[two.id])}
    )

    assert [row.what for row in compare(before, joined).rows] == [DifferenceKind.LOST, DifferenceKind.MERGED]


def test_an_incident_is_followed_by_its_lines_when_its_id_is_another() -> None:
    before, after = seen(FULL), seen(FULL)
    renamed = tuple(replace(one, id=f"x{one.id}") for one in after.incidents)
    other = replace(after, incidents=renamed, places={f"x{name}": at for name, at in after.places.items()})

    changes = compare(before, other)

    assert (changes.rows, changes.same, changes.renamed) == ((), 2, 2)

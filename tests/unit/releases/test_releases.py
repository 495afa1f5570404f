"""Releases: immutable versions, one pointer, the rollback, and a process that follows."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from cali.adapters.memory.objects import MemoryObjects
from cali.core.errors import Misconfigured, Retryable
from cali.core.models import KnowledgeEntry
from cali.stages.refine.book import learn
from cali.stages.retrieve import knowledge
from cali.testing.clock import FakeClock
from cali.usecases.releases import BOOKS, KNOWLEDGE, EntryStanding, LearntKnowledge, Releases, ReleaseWatch
from tests.contracts.entries import DISK, HOST, MEMORY, TLS

SHIPPED = knowledge.knowledge_of((MEMORY, HOST), "2026-01-01")
MASKS = "masks-1"
DAY, AT = "2026-11-20", "2026-11-20T03:00:00+00:00"


def releases() -> tuple[Releases, MemoryObjects]:
    kept = MemoryObjects()
    return Releases(kept, kept), kept


def add(made: Releases, *entries: KnowledgeEntry, why: str = "learnt") -> str:
    def step(learnt: LearntKnowledge) -> LearntKnowledge:
        return replace(learnt, entries={**learnt.entries, **{e.id: e for e in entries}})

    return made.change(step, DAY, AT, why, SHIPPED).versions.knowledge


def test_a_release_comes_back_as_it_was():
    made, _ = releases()
    said = LearntKnowledge({DISK.id: DISK}, {DISK.id: EntryStanding(2, 1)}, {"old": "wrong twice"})
    version = made.change(lambda _: said, DAY, AT, "learnt", SHIPPED).versions.knowledge
    assert made.learnt(version) == said
    assert version == f"{DAY}-{said.digest}"


def test_what_it_carries_gives_the_same_as_working_it_out():
    made, _ = releases()
    version = add(made, DISK, TLS)
    loaded = made.knowledge(version, SHIPPED)
    assert loaded == replace(
        knowledge.knowledge_of((MEMORY, HOST, DISK, TLS), "2026-01-01"), shipped=SHIPPED.version
    )
    assert loaded.signatures().matching(TLS.symptoms[0]) == (TLS.id,)


def test_another_shipped_knowledge_is_worked_out_anew():
    made, _ = releases()
    version = add(made, DISK)
    loaded = made.knowledge(version, knowledge.knowledge_of((MEMORY,), "2026-02-02"))
    assert set(loaded.entries) == {MEMORY.id, DISK.id}
    assert loaded.version.startswith("2026-02-02-")


def test_the_same_content_is_released_once():
    made, kept = releases()
    first = add(made, DISK)
    puts = kept.puts
    assert add(made, DISK) == first
    assert kept.puts == puts


def test_standing_alone_leaves_the_version_of_the_knowledge_as_it_is():
    made, _ = releases()
    version = add(made, DISK)
    later = made.change(
        lambda learnt: replace(learnt, standing={DISK.id: EntryStanding(1, 0)}), DAY, AT, "said", SHIPPED
    ).versions.knowledge
    assert later != version
    assert made.knowledge(later, SHIPPED).version == made.knowledge(version, SHIPPED).version


def test_back_and_back_again():
    made, _ = releases()
    first, second = add(made, DISK), add(made, TLS)
    assert made.back(AT, "oops").versions.knowledge == first
    assert made.back(AT, "oops").versions.knowledge == second
    assert made.use(first, AT, "chosen").previous.knowledge == second


def test_without_a_release_there_is_no_way_back():
    with pytest.raises(Misconfigured, match="no release to go back to"):
        releases()[0].back(AT, "oops")


def test_two_writers_both_get_theirs_in():
    made, _ = releases()

    def mine(learnt: LearntKnowledge) -> LearntKnowledge:
        if DISK.id not in learnt.entries and TLS.id not in learnt.entries:
            add(made, TLS)  # another process writes between the read and the write
        return replace(learnt, entries={**learnt.entries, DISK.id: DISK})

    version = made.change(mine, DAY, AT, "mine", SHIPPED).versions.knowledge
    assert set(made.learnt(version).entries) == {DISK.id, TLS.id}


def test_a_pointer_that_always_moves_is_a_conflict():
    made, _ = releases()
    turns = iter(range(100))

    def step(learnt: LearntKnowledge) -> LearntKnowledge:
        made.publish_book(learn(MASKS, [f"word{next(turns)} stands here"]), DAY, AT, "book")
        return replace(learnt, entries={DISK.id: DISK})

    with pytest.raises(Retryable, match="8 times in a row"):
        made.change(step, DAY, AT, "mine", SHIPPED)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda body: body[: len(body) // 2], "not a release of knowledge"),
        (lambda _: b"[]", "not a release of knowledge"),
        (lambda body: body.replace(b"The disk is full.", b"The disk is fine."), "damaged"),
        (lambda body: body.replace(DAY.encode() + b"-", b"2026-11-21-", 1), "not version"),
    ],
)
def test_a_damaged_release_is_refused_with_its_place(damage, said):
    made, kept = releases()
    version = add(made, DISK)
    key = f"releases/knowledge/{version}.json"
    kept.put(key, damage(kept.kept[key][0]))
    with pytest.raises(Misconfigured, match=said) as failure:
        made.knowledge(version, SHIPPED)
    assert key in str(failure.value)
    assert "\n" not in str(failure.value)


def test_what_is_in_force_and_before_it_cannot_be_forgotten():
    made, _ = releases()
    first, second, third = add(made, DISK), add(made, TLS), add(made, replace(TLS, title="Other"))
    made.forget(KNOWLEDGE, first)
    assert made.versions(KNOWLEDGE) == sorted([second, third])
    for version in (second, third):
        with pytest.raises(Misconfigured, match="cannot be deleted"):
            made.forget(KNOWLEDGE, version)


class Asked(MemoryObjects):
    """A counter of the pointer's reads."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.away = False

    def read(self, key, unless=""):
        self.asked += 1
        if self.away:
            raise Retryable("s3://logs/releases/current.json: busy")
        return super().read(key, unless)


def watched() -> tuple[ReleaseWatch, Releases, Asked, FakeClock, list[str]]:
    kept, clock, told = Asked(), FakeClock(0.0), list[str]()
    made = Releases(kept, kept)
    return ReleaseWatch(lambda: made, lambda: SHIPPED, MASKS, clock, told.append), made, kept, clock, told


def test_a_process_follows_within_a_minute_and_asks_once_a_minute():
    watch, made, kept, clock, _ = watched()
    assert watch.knowledge is SHIPPED
    add(made, DISK)
    for clock.time in (1.0, 30.0, 59.0):
        assert watch.look() == frozenset()
    before = kept.asked
    clock.time = 60.0
    assert watch.look() == {KNOWLEDGE}
    assert kept.asked == before + 1
    assert DISK.id in watch.knowledge.entries
    clock.time = 120.0
    assert watch.look() == frozenset()


def test_it_goes_back_with_the_pointer():
    watch, made, _, clock, _ = watched()
    add(made, DISK)
    assert DISK.id in watch.knowledge.entries
    made.back(AT, "oops")
    clock.time = 60.0
    assert watch.look() == {KNOWLEDGE}
    assert watch.knowledge is SHIPPED


def test_a_damaged_release_is_counted_told_and_tried_again():
    watch, made, kept, clock, told = watched()
    good = add(made, DISK)
    held = watch.knowledge
    bad = add(made, TLS)
    key = f"releases/knowledge/{bad}.json"
    whole = kept.kept[key][0]
    kept.put(key, b"{}")
    clock.time = 60.0
    assert watch.look() == frozenset()
    assert watch.knowledge is held
    assert watch.failures == 1
    assert bad in told[0]
    assert good != bad
    kept.put(key, whole)
    clock.time = 120.0
    assert watch.look() == {KNOWLEDGE}
    assert TLS.id in watch.knowledge.entries


def test_a_store_that_is_away_changes_nothing():
    watch, made, kept, clock, told = watched()
    add(made, DISK)
    held = watch.knowledge
    kept.away = True
    clock.time = 60.0
    assert watch.look() == frozenset()
    assert watch.knowledge is held
    assert told == ["releases: the loaded release stays in use: s3://logs/releases/current.json: busy"]


def test_a_store_that_is_away_is_left_alone_for_five_minutes():
    watch, made, kept, clock, _ = watched()
    assert watch.knowledge is SHIPPED
    kept.away = True
    clock.time = 60.0
    watch.look()
    kept.away = False
    add(made, DISK)
    asked = kept.asked
    clock.time = 359.0
    assert watch.look() == frozenset()
    assert kept.asked == asked
    clock.time = 360.0
    assert watch.look() == {KNOWLEDGE}


def test_a_pointer_that_nobody_can_read_leaves_the_shipped_knowledge():
    watch, _, kept, _, told = watched()
    kept.put("releases/current.json", orjson.dumps({"knowledge": 1}))
    assert watch.knowledge is SHIPPED
    assert watch.book is None
    assert "not a pointer to releases" in told[0]


def merging() -> list[str]:
    return [f"visible is {name}" for name in ("showampm", "ownerinfo", "calendar", "weather", "clockface")]


def test_a_book_is_followed_only_when_its_merges_change():
    watch, made, _, clock, _ = watched()
    assert watch.book is None
    made.publish_book(learn(MASKS, merging()), DAY, AT, "book")
    clock.time = 60.0
    assert watch.look() == {BOOKS}
    assert watch.book is not None
    assert watch.book.merges == ["visible is <*>"]
    made.publish_book(learn(MASKS, [*merging(), "one other line here"]), DAY, AT, "book")
    clock.time = 120.0
    assert watch.look() == frozenset()


def test_a_book_of_other_masks_is_refused():
    watch, made, _, _, told = watched()
    made.publish_book(learn("masks-2", merging()), DAY, AT, "book")
    assert watch.book is None
    assert watch.failures == 1
    assert "learnt with masks masks-2" in told[0]


def test_a_damaged_book_is_not_put_in_force_and_not_gone_back_to():
    made, kept = releases()
    made.publish_book(learn(MASKS, ["one", "two"]), DAY, AT, "first")
    first = made.current().versions.book
    made.publish_book(learn(MASKS, ["three", "four"]), DAY, AT, "second")
    second = made.current()
    kept.put(f"releases/books/{first}.json", b"{")
    with pytest.raises(Misconfigured, match="damaged"):
        made.use(first, AT, "by hand")
    with pytest.raises(Misconfigured, match="damaged"):
        made.back(AT, "by hand")
    assert made.current() == second

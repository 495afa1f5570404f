"""The other jobs: templates, feedback, the index, retention, and the weekly report."""

from __future__ import annotations

import gzip
from datetime import date, timedelta

import orjson
import pytest

from cali.core.errors import Misconfigured
from cali.core.life import Verdict
from cali.usecases.learn import JOBS, run
from cali.usecases.learn.reindex import history
from cali.usecases.learn.step_results import StepRun
from cali.usecases.releases import KNOWLEDGE, EntryStanding
from tests.contracts.entries import ENTRIES, HOST
from tests.unit.learning.week import DAY, NEXT, NOON, SHARD, SHARD_CAUSE, SILENT, Town, incident, known, told

WORDS = ("showampm", "ownerinfo", "calendar", "weather", "clockface")


def pages(*words: str) -> list[str]:
    return [f'level=info msg="page element visible is {word} now"' for word in words]


def test_templates_become_a_book_in_force():
    town = Town().raw(*pages(*WORDS))
    said = town.night("learn_templates")
    version = town.parts.releases.current().versions.book
    assert said["publish"] == {"version": version, "new_merges": 1, "again": False}
    book = town.parts.releases.book(version, town.parts.refiner().masks.version)
    assert book is not None
    assert book.merged("page element visible is sidebar now") == "page element visible is <*> now"
    assert all(one["again"] for one in town.night("learn_templates").values())


def test_a_book_goes_on_from_the_day_before():
    town = Town().raw(*pages(*WORDS[:2])).raw(*pages(*WORDS[2:]), day=NEXT)
    town.night("learn_templates")
    assert town.parts.releases.current().versions.book == ""
    town.night("learn_templates", NEXT)
    assert town.parts.releases.current().versions.book


def test_a_book_whose_merges_did_not_change_is_no_release():
    town = Town().raw(*pages(*WORDS)).raw('level=info msg="one more line of another kind"', day=NEXT)
    town.night("learn_templates")
    before = town.parts.releases.current()
    town.night("learn_templates", NEXT)
    assert town.parts.releases.current() == before


def test_gzip_is_read_and_a_cut_file_gives_what_it_has():
    town = Town()
    whole = gzip.compress("\n".join(pages(*WORDS)).encode())
    town.objects.put(f"raw/dt={DAY}/a.gz", whole)
    town.objects.put(f"raw/dt={DAY}/b.gz", whole[:-9])
    town.objects.put(f"raw/dt={DAY}/c.gz", b"\x1f\x8bnothing")
    said = run("learn_templates", "collect", DAY, town.parts)
    assert said["templates"] == len(WORDS)
    assert int(str(said["lines"])) > len(WORDS)


def test_records_that_a_collector_has_gzipped_are_read_in_an_object_that_is_gzipped():
    town = Town()
    written = b"".join(gzip.compress(line.encode()) + b"\n" for line in pages(*WORDS))
    town.objects.put(f"raw/dt={DAY}/a.gz", gzip.compress(written))
    town.objects.put(f"raw/dt={DAY}/b.gz", gzip.compress(written)[:-9])
    said = run("learn_templates", "collect", DAY, town.parts)
    assert (said["templates"], said["quarantined"]) == (len(WORDS), 0)
    assert len(WORDS) <= int(str(said["lines"])) <= 2 * len(WORDS)


def test_lines_and_templates_are_bounded():
    town = Town(lines=6, templates=4)
    for name in "abc":
        town.objects.put(
            f"raw/dt={DAY}/{name}", "\n".join(pages(*(f"{name}{word}" for word in WORDS))).encode()
        )
    said = run("learn_templates", "collect", DAY, town.parts)
    assert (said["lines"], said["templates"], said["folded"]) == (6, 4, 2)


def test_what_people_say_is_counted_once_for_each_person_and_incident():
    seen = incident(HOST.symptoms[0], diagnosis=known("host", HOST.cause))
    town = Town().saw(seen)
    town.said(seen, Verdict.WRONG, at=NOON).said(seen, Verdict.RIGHT, at=NOON + 1).said(
        seen, Verdict.RIGHT, by="U2"
    )
    town.night("apply_feedback")
    learnt = town.parts.releases.learnt(town.parts.releases.current().versions.knowledge)
    assert learnt.standing == {"host": EntryStanding(2, 0)}
    puts = town.objects.puts
    assert town.night("apply_feedback")["apply"]["again"]
    assert town.objects.puts == puts


def test_what_was_said_later_does_not_count_for_the_day():
    seen = incident(HOST.symptoms[0], diagnosis=known("host", HOST.cause))
    town = Town().saw(seen).said(seen, Verdict.WRONG, at=NOON + 86_400)
    assert town.night("apply_feedback")["apply"]["records"] == 0


def test_a_shipped_entry_is_never_withdrawn():
    town = Town()
    for number in range(4):
        seen = incident(HOST.symptoms[0], diagnosis=known("host", HOST.cause), workload=f"w{number}")
        town.saw(seen).said(seen, Verdict.WRONG)
    assert town.night("apply_feedback")["apply"]["withdrawn"] == []
    assert town.knows(HOST.symptoms[0]) == "host"


def test_a_collection_is_built_looked_at_and_switched_to():
    town = Town()
    said = town.night("reindex_knowledge")
    assert said["check"]["not_found"] == []
    assert town.collections.alias == town.shipped.version
    assert history(StepRun("reindex_knowledge", DAY, town.parts)) == [town.shipped.version]


def test_a_collection_that_lost_rows_is_not_switched_to():
    town = Town()
    run("reindex_knowledge", "build", DAY, town.parts)
    index, rows = town.collections.kept[town.shipped.version]
    town.collections.kept[town.shipped.version] = (index, rows - 1)
    with pytest.raises(Misconfigured, match="holds"):
        run("reindex_knowledge", "check", DAY, town.parts)
    with pytest.raises(Misconfigured, match="step check has not run"):
        run("reindex_knowledge", "switch", DAY, town.parts)
    assert town.collections.alias == ""


def test_a_collection_that_finds_nothing_is_not_switched_to():
    town = Town()
    run("reindex_knowledge", "build", DAY, town.parts)
    town.collections.kept[town.shipped.version][0].ensure("other", ENTRIES[:1])
    with pytest.raises(Misconfigured, match="a search does not find"):
        run("reindex_knowledge", "check", DAY, town.parts)


def test_without_milvus_the_job_says_what_is_missing():
    from dataclasses import replace

    with pytest.raises(Misconfigured, match="CALI_MILVUS_URI"):
        run("reindex_knowledge", "build", DAY, replace(Town().parts, collections=None))


def errors_of(number: int) -> str:
    names = ("amber", "birch", "cedar", "dahlia", "elder", "fennel")
    return f"the {names[number]} orchard pump {number} stalled, its {names[number]} valve stayed shut"


def test_what_is_old_goes_and_what_is_in_force_stays():
    town = Town(keep_days=3, keep_releases=2, keep_collections=1)
    days = [DAY + timedelta(days=number) for number in range(6)]
    town.now += 6 * 86_400
    for number, day in enumerate(days):
        text = errors_of(number)
        cause = f"The valve stayed shut, so the orchard pump stalled, case {chr(65 + number)}."
        town.saw(incident(text, diagnosis=told(cause), seen=NOON + number * 86_400))
        town.night("learn_new_errors", day)
    now = town.parts.releases.current()
    said = town.night("retention", days[-1])["retain"]
    assert (said["releases"], said["collections"]) == (4, 4)
    assert {now.versions.knowledge, now.previous.knowledge} == set(town.parts.releases.versions(KNOWLEDGE))
    assert town.collections.alias in town.collections.kept
    assert len(town.collections.kept) == 2
    kept = {key.split("/")[2] for key in town.objects.keys("learning/learn_new_errors/")}
    assert kept == {f"dt={day}" for day in days[2:]}
    assert town.night("retention", days[-1])["retain"]["releases"] == 0
    assert town.parts.releases.back("t", "why").versions.knowledge == now.previous.knowledge


def test_a_week_is_told_once():
    town = Town().saw(
        incident(SHARD, diagnosis=told(SHARD_CAUSE)),
        incident(HOST.symptoms[0], diagnosis=known("host", HOST.cause)),
        incident("nobody knows this one at all", diagnosis=SILENT),
        incident(SHARD, diagnosis=told(SHARD_CAUSE), workload="old", seen=NOON - 8 * 86_400),
    )
    town.night("learn_new_errors")
    said = town.night("weekly_report")["report"]
    body = town.objects.get("reports/week=2026-W47.json")
    assert body is not None
    figures = orjson.loads(body)
    assert (figures["incidents"], figures["known"], figures["by_model"], figures["unexplained"]) == (
        3,
        1,
        1,
        1,
    )
    assert figures["share_known"] == 0.333
    assert len(figures["new_entries"]) == 1
    assert said["posted"]
    assert len(town.posts) == 1
    assert "# Week 2026-W47 (2026-11-16 to 2026-11-22)" in town.posts[0]
    puts = town.objects.puts
    assert town.night("weekly_report")["report"]["again"]
    assert town.night("weekly_report", DAY)["report"]["again"]
    assert (town.objects.puts, len(town.posts)) == (puts, 1)
    town.night("weekly_report", DAY - timedelta(days=1))
    assert len(town.posts) == 1  # one post per week, for any day of it


def test_every_job_runs_on_an_empty_place_and_again():
    town = Town()
    for job in JOBS:
        town.night(job, date(2026, 1, 1))
        assert all(said["again"] for said in town.night(job, date(2026, 1, 1)).values()), job


@pytest.mark.parametrize("day", [date(2226, 11, 20), date(9999, 12, 31), date(1, 1, 1)])
def test_a_day_that_cannot_be_meant_drops_nothing(day):
    town = Town().saw(incident(SHARD))
    town.night("learn_new_errors")
    kept = list(town.objects.keys())
    for job in JOBS:
        with pytest.raises(Misconfigured, match="use a day from 2000-01-01 to today, 2026-11-21"):
            run(job, JOBS[job][0], day, town.parts)
    assert list(town.objects.keys()) == kept


def test_a_document_that_lost_a_part_is_made_again():
    town = Town().saw(incident(SHARD, diagnosis=told(SHARD_CAUSE)))
    town.objects.put(f"learning/learn_new_errors/dt={DAY}/group.json", b'{"format": 1}')
    with pytest.raises(Misconfigured, match="step group has not run"):
        run("learn_new_errors", "draft", DAY, town.parts)
    assert town.night("learn_new_errors")["group"] == {
        "incidents": 1,
        "groups": 1,
        "unreadable": 0,
        "again": False,
    }


@pytest.mark.parametrize("body", [b"not json", b"{}", b'"x"'])
def test_a_damaged_history_of_collections_does_not_stop_the_index(body):
    town = Town()
    town.objects.put("learning/collections.json", body)
    assert town.night("retention")["retain"]["collections"] == 0
    made = town.night("reindex_knowledge")["switch"]["collection"]
    assert orjson.loads(town.objects.get("learning/collections.json") or b"") == [made]
